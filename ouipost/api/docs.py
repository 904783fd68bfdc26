"""The API's description, and two readers for it that load nothing from elsewhere."""

from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny


class SchemaView(SpectacularAPIView):
    """/api/schema: OpenAPI 3.1 as JSON, or as YAML for who asks for it."""

    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2]


class SwaggerView(SpectacularSwaggerSplitView):
    """/api/docs: try every call in the browser."""

    authentication_classes = []
    permission_classes = [AllowAny]
    template_name = "api/swagger.html"


class RedocView(SpectacularRedocView):
    """/api/docs/redoc: the same description, for reading."""

    authentication_classes = []
    permission_classes = [AllowAny]
    template_name = "api/redoc.html"
