"""Tags and filters that show states, networks and issues the same way in all of the console's templates."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.db.models.options import Options
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy

from accounts import platforms
from adminapi.console.compose.words import describe as issue_words
from ouipost.translating import recognized, translated
from ouipost.unicode import apart

register = template.Library()

TONES = {
    "published": "good",
    "active": "good",
    "delivered": "good",
    "operational": "good",
    "down": "bad",
    "scheduled": "info",
    "publishing": "info",
    "pending": "info",
    "partially_published": "warn",
    "needs_review": "warn",
    "missed": "warn",
    "expired": "warn",
    "degraded": "warn",
    "failed": "bad",
    "error": "bad",
}
STATES = {
    "draft": gettext_lazy("draft"),
    "scheduled": gettext_lazy("scheduled"),
    "publishing": gettext_lazy("publishing"),
    "published": gettext_lazy("published"),
    "partially_published": gettext_lazy("partially published"),
    "failed": gettext_lazy("failed"),
    "needs_review": gettext_lazy("needs review"),
    "missed": gettext_lazy("missed"),
    "cancelled": gettext_lazy("cancelled"),
    "active": gettext_lazy("active"),
    "expired": gettext_lazy("expired"),
    "error": gettext_lazy("error"),
    "disconnected": gettext_lazy("disconnected"),
    "off": gettext_lazy("switched off"),
    "pending": gettext_lazy("pending"),
    "delivered": gettext_lazy("delivered"),
    "discarded": gettext_lazy("discarded"),
    "operational": gettext_lazy("operational"),
    "down": gettext_lazy("down"),
    "degraded": gettext_lazy("degraded"),
}
STEPS = {
    "prepare": gettext_lazy("Prepare it"),
    "commit": gettext_lazy("Publish it"),
    "recover": gettext_lazy("Is it there?"),
}
OUTCOMES = {
    "published": gettext_lazy("It is there."),
    "absent": gettext_lazy("It is not there."),
    "rejected": gettext_lazy("Refused."),
    "duplicate": gettext_lazy("Refused as a repetition."),
    "processing_failed": gettext_lazy("The network could not work on it."),
    "auth_expired": gettext_lazy("The sign-in is not valid."),
    "not_connected": gettext_lazy("The account is not connected any more."),
    "rate_limited": gettext_lazy("Too much was sent already."),
    "app_stopped": gettext_lazy("The network refuses this installation's app."),
    "outdated": gettext_lazy("The network does not take this version of its API."),
    "unavailable": gettext_lazy("The network does not work."),
    "still_working": gettext_lazy("The network is processing it."),
    "unknown": gettext_lazy("Nobody knows."),
    "undecidable": gettext_lazy("It cannot be told."),
    "later": gettext_lazy("It waits."),
    "late": gettext_lazy("The answer came late."),
}
"""Sentences for the outcomes of calls."""
OWN_OUTCOMES = {
    *("not_taken", "not_ready", "make_again", "unexplained", "not_fetched"),
    *("blob_missing", "clocks_differ", "upload_over"),
}
"""Outcomes of single networks; they are shown as `unavailable`."""


@register.simple_tag
def counted(count: int, options: Options[Any]) -> str:
    """Write a number of rows with their name, of which French has the singular for none, too."""
    is_one = count == 1 or (count == 0 and get_language() == "fr")
    return f"{number_format(count)} {options.verbose_name if is_one else options.verbose_name_plural}"


@register.filter
def step(name: str) -> str:
    """Return the words for a step at a network."""
    return str(STEPS.get(name, name))


@register.filter
def outcome(name: str) -> str:
    """Return the sentence for the outcome of a call to a network."""
    return str(OUTCOMES.get("unavailable" if name in OWN_OUTCOMES else name, name))


@register.simple_tag
def state(name: str) -> SafeString:
    """Show a state in its colour, in the reader's language; its own name if it has no translation."""
    return format_html('<span class="op-badge op-{}">{}</span>', TONES.get(name, "calm"), STATES.get(name, name))


@register.simple_tag(name="network")
def network_name(platform: str) -> str:
    """Return a network's usual name, or its id if there is none."""
    return platforms.NAMES.get(platform, platform)


register.filter("translated", translated)
register.filter("recognized", recognized)
register.filter("apart", apart)


@register.filter
def told(issue: Mapping[str, Any]) -> str:
    """Describe an issue, and how to fix it."""
    return " ".join(filter(None, issue_words(issue)))


@register.simple_tag
def is_wrong(errors: Sequence[str], field: str) -> str:
    """Return attributes that mark a field with errors as wrong, and name the element with the reason."""
    return format_html(' aria-invalid="true" aria-describedby="{}-error"', field) if errors else ""


@register.filter
def as_json(value: Any) -> str:
    """Write a value as JSON that people can read."""
    return json.dumps(value, indent=2, ensure_ascii=False)
