"""Django's WSGI handler, hardened against hostile headers."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler

LONGEST_TYPE = 1_000
"""Characters of a body's Content-Type, with its parameters."""


class Handler(WSGIHandler):
    """Drops a Content-Type of more than a kilobyte, and removes backslashes from cookies: ours have none.

    Both headers are parsed for each request, even without a body or a key, in a time that grows with the square of
    their length: the first by Django, the second by Python before 3.11.10 and 3.12.6. The web server lets 400 kB of
    headers through.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if len(environ.get("CONTENT_TYPE", "")) > LONGEST_TYPE:
            environ = environ | {"CONTENT_TYPE": ""}
        if "\\" in environ.get("HTTP_COOKIE", ""):
            environ = environ | {"HTTP_COOKIE": environ["HTTP_COOKIE"].replace("\\", "")}
        return super().__call__(environ, start_response)
