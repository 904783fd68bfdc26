"""A page that shows the progress of something long, and refreshes itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from adminapi.console.pages import show


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the page shows: a heading, a sentence, a bar, and what there is to say of each part."""

    heading: str
    says: str
    percent: int
    is_over: bool
    note: str = ""
    told: Sequence[tuple[str, str]] = ()
    """What came of each, and the address of its page; empty for none."""
    more: int = 0
    """So many further ones are not shown."""


def percent(done: int, total: int) -> int:
    """Return how much is done in percent, as the bar shows it; 100 if there is nothing to do."""
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
    """Answer with the page, or only with its part that changes; `stop` is where it can be stopped."""
    context: dict[str, Any] = {"progress": progress, "stop": stop}
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "console/progress_part.html", context | {"is_part": True})
    return show(request, "console/progress.html", title=title, about=about, links=links, **context)
