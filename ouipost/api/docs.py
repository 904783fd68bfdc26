"""OpenAPI descriptions of both APIs, with Swagger UI and Redoc for each, served from local assets."""

from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer, OpenApiYamlRenderer2
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ouipost.api.filters import UNKNOWN


class PartGenerator(SchemaGenerator):
    """Generates the description of the paths below one prefix."""

    prefix: ClassVar[str]
    heading: ClassVar[str]
    about: ClassVar[str]
    groups: ClassVar[Mapping[str, str]]
    """Descriptions of the tags, which are the first parts of the paths."""

    def _get_paths_and_endpoints(self) -> list[Any]:
        endpoints = super()._get_paths_and_endpoints()  # type: ignore[no-untyped-call]
        return [endpoint for endpoint in endpoints if endpoint[0].startswith(self.prefix)]

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        """Return the OpenAPI document, with this part's title, description and tags."""
        schema = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        schema["info"] |= {"title": self.heading, "description": self.about}
        calls = [call for address in schema["paths"].values() for call in address.values()]
        tags = sorted({tag for call in calls for tag in call["tags"]})
        schema["tags"] = [{"name": tag, "description": self.groups.get(tag, "")} for tag in tags]
        return schema


class ApiGenerator(PartGenerator):
    prefix = "/api/"
    heading = "Oui Post API"
    about = "Write a post once; have it published on nine networks, now or on schedule."
    groups = {
        "accounts": "The connected accounts, and how more are connected.",
        "analytics": "What a workspace gained.",
        "media": "Files of posts; `POST /api/posts/{id}/media` adds one.",
        "platforms": "The networks, with their limits.",
        "posts": "Posts: written, checked, scheduled, published, retried and settled.",
        "schedules": "Weekly slots, and the queue of posts in them.",
        "workspaces": "Workspaces, each with its own accounts and posts.",
    }


class AdminGenerator(PartGenerator):
    prefix = "/admin/"
    heading = "Oui Post admin API"
    about = "Users, keys, statistics, audit and health of an installation, for its administrators."
    groups = {
        "analytics": "What all workspaces gained.",
        "audit": "Who changed what.",
        "dashboard": "The installation at a glance.",
        "health": "Whether the installation works.",
        "keys": "API keys.",
        "login": "A token for an e-mail address and a password.",
        "logout": "The end of a token.",
        "pause": "Letting posts wait.",
        "pauses": "What waits, and why.",
        "platform-health": "How the networks answer.",
        "profile": "One's own user.",
        "resume": "The end of a pause.",
        "stats": "The installation in numbers.",
        "system": "The versions that run.",
        "users": "Users, their roles and permissions.",
        "webhooks": "Webhooks, and what was sent to each.",
        "workspaces": "The members of workspaces.",
    }


ALONE = Lock()
"""drf-spectacular keeps the view that it describes on a class: two descriptions made at once would mix them up."""


def document(generator: Any, renderer: Any, urlconf: str) -> bytes:
    """Return a description in one format, made once per process, as that takes a second and anybody may ask for it."""
    with ALONE:
        return _made(generator, renderer, urlconf)


@cache
def _made(generator: Any, renderer: Any, urlconf: str) -> bytes:
    written: bytes = renderer().render(generator(urlconf=urlconf).get_schema(public=True))
    return written


class OpenApiJson(OpenApiJsonRenderer):
    """JSON without the blanks that make a description three times as long."""

    def get_indent(self, accepted_media_type: str, renderer_context: Mapping[str, Any]) -> int | None:
        indent: int | None = JSONRenderer.get_indent(self, accepted_media_type, renderer_context)
        return indent


class PlainJson(OpenApiJson):
    media_type = "application/json"


class SchemaView(APIView):
    """/api/schema: the OpenAPI 3.1 document, as JSON or, by the Accept header, as YAML."""

    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [PlainJson, OpenApiJson, OpenApiYamlRenderer, OpenApiYamlRenderer2]
    schema = None
    generator_class: ClassVar[Any] = ApiGenerator

    def get(self, request: Request) -> HttpResponse:
        if request.query_params:
            raise ValidationError({name: [UNKNOWN] for name in request.query_params})
        renderer: Any = request.accepted_renderer
        content = document(self.generator_class, renderer.__class__, settings.ROOT_URLCONF)
        return HttpResponse(content, content_type=renderer.media_type)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer errors in JSON, even if YAML was asked for."""
        self.request.accepted_renderer, self.request.accepted_media_type = PlainJson(), PlainJson.media_type
        return super().handle_exception(exc)


class AdminSchemaView(SchemaView):
    """/admin/schema: the OpenAPI document of the admin API."""

    generator_class = AdminGenerator


class SwaggerView(SpectacularSwaggerSplitView):
    """/api/docs: Swagger UI, to try calls in the browser."""

    template_name = "api/swagger.html"


class AdminSwaggerView(SwaggerView):
    """/admin/docs: Swagger UI for the admin API."""

    url_name = "admin-schema"
    title = AdminGenerator.heading
    template_name = "api/admin_swagger.html"


class RedocView(SpectacularRedocView):
    """/api/docs/redoc: Redoc, for reading."""

    template_name = "api/redoc.html"


class AdminRedocView(RedocView):
    """/admin/docs/redoc: Redoc for the admin API."""

    url_name = "admin-schema"
    title = AdminGenerator.heading
