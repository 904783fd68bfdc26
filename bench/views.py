"""A small endpoint twice: with the product's key, limit and permission, and with none of them."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ouipost.api.viewsets import ApiViewSet

ANSWER = {"message": "Small"}


class Small(ApiViewSet[Any]):
    """What every resource of the product pays before it looks at a row."""

    required_permission = None
    pagination_class = None

    def list(self, request: Request) -> Response:
        """Return the small answer to a known key."""
        return Response(ANSWER)


class Open(APIView):
    """The same answer for anybody."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> Response:
        """Return the small answer."""
        return Response(ANSWER)
