"""Filters for the overview's words: durations, and paused scopes."""

from datetime import timedelta

from django import template
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from accounts.models import PauseScope
from ouipost.unicode import apart

register = template.Library()
MINUTE = timedelta(minutes=1)


@register.filter
def lasting(span: timedelta) -> str:
    """Return a duration in words, in its two largest units."""
    if span < MINUTE:
        return _("less than a minute")
    now = timezone.now()
    return timesince(now - span, now)


@register.simple_tag
def paused_scope(scope: str, name: str) -> str:
    """Return the words for a paused scope."""
    match scope:
        case PauseScope.NETWORK:
            return _("Everything for %(network)s") % {"network": name}
        case PauseScope.WORKSPACE:
            return _("The workspace %(name)s") % {"name": apart(name)}
        case PauseScope.ACCOUNT:
            return _("The account %(name)s") % {"name": apart(name)}
    return _("All publishing")
