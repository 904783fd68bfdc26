"""Django's WSGI handler, for requests as strangers send them."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler

LONGEST_TYPE = 1_000
"""Of a body, with its parameters."""


class Handler(WSGIHandler):
    """Takes a Content-Type of more than a kilobyte for none, and the backslashes out of cookies: ours have none.

    Both are taken apart for each request, with or without a body and before anybody is asked for a key, in a time that
    grows with the square of their length: one by Django, the other by Python before 3.11.10 and 3.12.6. The web server
    lets 400 kB of headers through.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if len(environ.get("CONTENT_TYPE", "")) > LONGEST_TYPE:
            environ = environ | {"CONTENT_TYPE": ""}
        if "\\" in environ.get("HTTP_COOKIE", ""):
            environ = environ | {"HTTP_COOKIE": environ["HTTP_COOKIE"].replace("\\", "")}
        return super().__call__(environ, start_response)
