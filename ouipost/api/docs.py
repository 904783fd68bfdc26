"""OpenAPI descriptions of both APIs, with Swagger UI and Redoc for each, served from local assets."""

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
    """Generates the description of the paths below one prefix."""

    prefix: ClassVar[str]
    heading: ClassVar[str]
    about: ClassVar[str]

    def _get_paths_and_endpoints(self) -> list[Any]:
        endpoints = super()._get_paths_and_endpoints()  # type: ignore[no-untyped-call]
        return [endpoint for endpoint in endpoints if endpoint[0].startswith(self.prefix)]

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        """Return the OpenAPI document, with this part's title, description and tags."""
        schema = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        schema["info"] |= {"title": self.heading, "description": self.about}
        calls = [call for address in schema["paths"].values() for call in address.values()]
        schema["tags"] = [{"name": tag} for tag in sorted({tag for call in calls for tag in call["tags"]})]
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
    """/api/schema: the OpenAPI 3.1 document, as JSON or, by the Accept header, as YAML."""

    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2]
    generator_class: type[SchemaGenerator] = ApiGenerator


class AdminSchemaView(SchemaView):
    """/admin/schema: the same for the admin API."""

    generator_class = AdminGenerator


class SwaggerView(SpectacularSwaggerSplitView):
    """/api/docs: Swagger UI, to try calls in the browser."""

    authentication_classes = []
    permission_classes = [AllowAny]
    template_name = "api/swagger.html"


class AdminSwaggerView(SwaggerView):
    """/admin/docs: the same for the admin API."""

    url_name = "admin-schema"
    title = AdminGenerator.heading
    template_name = "api/admin_swagger.html"


class RedocView(SpectacularRedocView):
    """/api/docs/redoc: Redoc, for reading."""

    authentication_classes = []
    permission_classes = [AllowAny]
    template_name = "api/redoc.html"


class AdminRedocView(RedocView):
    """/admin/docs/redoc: the same for the admin API."""

    url_name = "admin-schema"
    title = AdminGenerator.heading
