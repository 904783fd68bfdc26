"""Django's WSGI handler, for requests as strangers send them."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler

LONGEST_TYPE = 1_000
"""Of a body, with its parameters."""


class Handler(WSGIHandler):
    """Takes a Content-Type of more than a kilobyte for none.

    Django takes it apart for each request, with or without a body and before anybody is asked for a key, in a time that
    grows with the square of its length; the web server lets 400 kB of headers through.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if len(environ.get("CONTENT_TYPE", "")) > LONGEST_TYPE:
            environ = environ | {"CONTENT_TYPE": ""}
        return super().__call__(environ, start_response)
