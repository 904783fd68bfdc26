"""The same answers as the product's, written the plain way; and the list as a constant."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework.generics import GenericAPIView, ListCreateAPIView, RetrieveAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.baselines.serializers import NaiveDetailSerializer, NaiveInput, NaivePostSerializer
from posts.models import Post
from workspaces.models import Workspace


class Pages(PageNumberPagination):
    page_size = 20

    def get_paginated_response(self, data: Any) -> Response:
        assert self.page is not None
        pages = self.page.paginator
        pagination = {"current_page": self.page.number, "total_pages": pages.num_pages, "total_items": pages.count}
        body = {"posts": data, "pagination": pagination | {"per_page": self.page_size}}
        return Response({"success": True, "data": body})


class WithHeaders(GenericAPIView[Post]):
    """Tells the caller what is left of its limit, and sees one workspace."""

    workspace: Workspace
    required_permission = "posts.read"
    queryset = Post.objects.prefetch_related("targets", "files").order_by("-moment", "-pk")

    def get_queryset(self) -> QuerySet[Post]:
        return super().get_queryset().filter(workspace=self.workspace)

    def finalize_response(self, request: HttpRequest, response: Any, *args: Any, **kwargs: Any) -> Any:
        limit, remaining = getattr(request, "allowance", (0, 0))
        response.headers["X-RateLimit-Limit"], response.headers["X-RateLimit-Remaining"] = str(limit), str(remaining)
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]  # as DRF calls it


class NaivePosts(WithHeaders, ListCreateAPIView[Post]):
    serializer_class = NaivePostSerializer
    pagination_class = Pages

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a draft."""
        given = NaiveInput(data=request.data)
        given.is_valid(raise_exception=True)
        post = given.save(workspace=self.workspace)
        return Response({"success": True, "data": {"post": NaiveDetailSerializer(post).data}}, status=201)


class NaivePost(WithHeaders, RetrieveAPIView[Post]):
    serializer_class = NaiveDetailSerializer

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return one post."""
        return Response({"success": True, "data": {"post": self.get_serializer(self.get_object()).data}})


class Open(APIView):
    """A view for anybody."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()


class Constant(Open):
    """Answers data that were given to it once: what REST framework costs before anything is looked up."""

    data: Any = None

    def get(self, request: Request) -> Response:
        """Return the data, to be rendered."""
        return Response(self.data)


class Bytes(Open):
    """Answers bytes that need no rendering."""

    body = b""

    def get(self, request: Request) -> HttpResponse:
        """Return the bytes."""
        return HttpResponse(self.body, content_type="application/json")
