"""Unknown addresses below /api."""

from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.views import APIView

from ouipost.api import limits
from ouipost.api.filters import refuse_key_in_address
from ouipost.api.permissions import caller_of
from ouipost.errors import DomainError
from ouipost.phrases import Phrase


class EndsInSlash(DomainError):
    code = "NOT_FOUND"
    status = 404
    message = Phrase("There is nothing at this address: leave out the slash at its end.")


class UnknownAddress(APIView):
    """Any other address below /api: counts the request for its key and answers 404."""

    schema = None

    @property
    def default_response_headers(self) -> dict[str, str]:
        """No `Allow`, since an unknown address allows no method."""
        return {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        limits.enforce(request._request, caller_of(request))
        refuse_key_in_address(request)
        if request.path.endswith("/"):
            raise EndsInSlash
        raise Http404
