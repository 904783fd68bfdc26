"""A page that shows the progress of long work, and refreshes itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from adminapi.console.pages import show


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The content of the page: a heading, a sentence, a bar, and a line for each part."""

    heading: str
    says: str
    percent: int
    is_over: bool
    note: str = ""
    told: Sequence[tuple[str, str]] = ()
    """The result of each part, and the address of its page, or an empty one."""
    more: int = 0
    """The number of further parts, which are not shown."""


def percent(done: int, total: int) -> int:
    """Return the finished percentage for the bar; 100 if there is nothing to do."""
    return min(100, done * 100 // total) if total else 100


def show_progress(
    request: HttpRequest,
    progress: Progress,
    *,
    title: str,
    about: str = "",
    links: Sequence[tuple[str, str]],
    stop: str = "",
) -> HttpResponse:
    """Answer with the page, or only with its changing part; `stop` is the address to stop the work."""
    context: dict[str, Any] = {"progress": progress, "stop": stop}
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "console/progress_part.html", context | {"is_part": True})
    return show(request, "console/progress.html", title=title, about=about, links=links, **context)
