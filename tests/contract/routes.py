"""Every route of the API and of the admin API, read off the URLconf, so that none can be forgotten."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")
OPEN = {"api/schema", "api/docs", "api/docs/redoc", "admin/login", "admin/schema", "admin/docs", "admin/docs/redoc"}
"""What describes an API needs no credential and shows no row; logging in is how one gets one."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method at one address; `places` are the ids that stand in it."""

    method: str
    template: str
    action: str
    view: Any

    @property
    def resource(self) -> str:
        """The collection that the address is in."""
        return self.template.split("/")[2]

    @property
    def places(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.template)

    @property
    def takes_workspace_header(self) -> bool:
        return self.resource not in ("platforms", "workspaces")

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


def api_routes() -> list[Route]:
    """Return every method at every address below /api that needs a key."""
    return _below("api/")


def admin_routes() -> list[Route]:
    """Return every method at every address below /admin that needs a token."""
    return _below("admin/")


def _below(root: str) -> list[Route]:
    return sorted(set(_routes(get_resolver().url_patterns, "", root)), key=str)


def _routes(patterns: list[Any], prefix: str, root: str) -> Iterator[Route]:
    for entry in patterns:
        address = prefix + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLResolver) and (address.startswith(root) or not address):
            yield from _routes(entry.url_patterns, address, root)
        elif isinstance(entry, URLPattern) and address.startswith(root) and address not in OPEN:
            yield from _of_view(entry.callback, _template(address))


def _template(address: str) -> str:
    plain = GROUP.sub(r"{\1}", address.replace("^", "").removesuffix("$").removesuffix(r"\Z"))
    return "/" + plain.replace("\\", "")


def _of_view(callback: Any, template: str) -> Iterator[Route]:
    for method, action in callback.actions.items():  # a view without actions must be named in OPEN
        if method != "head":
            yield Route(method=method.upper(), template=template, action=action, view=callback.cls)
