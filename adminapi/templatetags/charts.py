"""Numbers in templates: a single one, and a chart with its table."""

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from adminapi.console.charts import Chart, Number
from analytics.audience import countries

register = template.Library()
DASH = "\u2013"


@register.filter
def number(value: Number, unit: str = "") -> SafeString:
    """Show a number in the reader's format; a dash if it is unknown, which is not 0."""
    if value is None:
        said = '<span title="{}" aria-hidden="true">{}</span><span class="op-hidden">{}</span>'
        return format_html(said, _("Not known: the network does not say."), DASH, _("not known"))
    shown = number_format(value, use_l10n=True, force_grouping=True)
    return format_html("{}{}", shown, f"\u00a0{unit}" if unit else "")


@register.filter
def region(country: str) -> str:
    """Return the code of a country, for the browser knows its name in the reader's language; empty for an unknown."""
    return next((code for code, name in countries().items() if name == country), "")


@register.inclusion_tag("console/chart.html")
def chart(drawn: Chart) -> dict[str, Any]:
    """Draw a chart, with its numbers in a table below."""
    return {"chart": drawn}
