"""The descriptions of both APIs, and two readers for each that load nothing from elsewhere."""

from typing import Any, ClassVar

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny


class PartGenerator(SchemaGenerator):
    """Describes the addresses below one prefix."""

    prefix: ClassVar[str]
    heading: ClassVar[str]
    about: ClassVar[str]

    def _get_paths_and_endpoints(self) -> list[Any]:
        endpoints = super()._get_paths_and_endpoints()  # type: ignore[no-untyped-call]
        return [endpoint for endpoint in endpoints if endpoint[0].startswith(self.prefix)]

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        """Return the description, under this part's own name."""
        schema = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        schema["info"] |= {"title": self.heading, "description": self.about}
        return schema


class ApiGenerator(PartGenerator):
    prefix = "/api/"
    heading = "Oui Post API"
    about = "Write a post once; have it published on nine networks, now or on schedule."


class AdminGenerator(PartGenerator):
    prefix = "/admin/"
    heading = "Oui Post admin API"
    about = "Users, keys, statistics, audit and health of an installation, for its administrators."


class SchemaView(SpectacularAPIView):
    """/api/schema: OpenAPI 3.1 as JSON, or as YAML for who asks for it."""

    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2]
    generator_class: type[SchemaGenerator] = ApiGenerator


class AdminSchemaView(SchemaView):
    """/admin/schema: likewise."""

    generator_class = AdminGenerator


class SwaggerView(SpectacularSwaggerSplitView):
    """/api/docs: try every call in the browser."""

    authentication_classes = []
    permission_classes = [AllowAny]
    template_name = "api/swagger.html"


class AdminSwaggerView(SwaggerView):
    """/admin/docs: likewise."""

    url_name = "admin-schema"
    title = AdminGenerator.heading
    template_name = "api/admin_swagger.html"


class RedocView(SpectacularRedocView):
    """/api/docs/redoc: the same description, for reading."""

    authentication_classes = []
    permission_classes = [AllowAny]
    template_name = "api/redoc.html"


class AdminRedocView(RedocView):
    """/admin/docs/redoc: likewise."""

    url_name = "admin-schema"
    title = AdminGenerator.heading
