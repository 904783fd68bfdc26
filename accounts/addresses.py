"""Addresses of our own callback page, which `accounts.hosted` shows."""

from django.conf import settings
from django.urls import reverse

from accounts import registry


def hosted_url(platform: str) -> str:
    """Return the address of our own page that completes a sign-in, for callers that have none."""
    return f"{settings.PUBLIC_BASE_URL}{reverse('connect_done', args=[platform])}"


def is_hosted(callback_url: str, *platforms: str) -> bool:
    """Whether this is the address of our own callback page for one of these networks, or of any; a query may follow."""
    return callback_url.partition("?")[0] in {hosted_url(platform) for platform in platforms or registry.IDS}
