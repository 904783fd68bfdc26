"""Signed addresses of stored files: whoever has one may fetch that file until it expires."""

import hmac
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid")


def signed_url(name: str, *, seconds: int, download_name: str = "") -> str:
    """Return the absolute address of a stored file, good for so long; `download_name` is what it is saved as."""
    return signer(seconds=seconds)(name, download_name)


def signer(*, seconds: int) -> Callable[..., str]:
    """Return a function that gives each name its address as `signed_url` does, with the same end for all of a list."""
    expires, base, key = str(int(time.time() + seconds)), settings.PUBLIC_BASE_URL, _key(settings.SECRET_KEY)

    def sign(name: str, download_name: str = "") -> str:
        address = f"{base}/media/{name}?expires={expires}&signature={_signature(key, name, expires, download_name)}"
        return f"{address}&download={quote(download_name, safe='')}" if download_name else address

    return sign


def signed_anew(address: str, *, seconds: int) -> str:
    """Return the address of the same file that is good for so long from now."""
    name, _, query = address.removeprefix(f"{settings.PUBLIC_BASE_URL}/media/").partition("?")
    _, _, download_name = query.partition("&download=")
    return signed_url(name, seconds=seconds, download_name=unquote(download_name))


def is_public(address: str) -> bool:
    """Whether others can reach this address, as far as its form tells: https, and no private name or number."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        is_reachable = ip_address(host).is_global
    except ValueError:
        is_reachable = "." in host and not host.endswith(PRIVATE_NAMES)
    return parts.scheme == "https" and is_reachable


def is_signed(name: str, *, expires: str, download_name: str, given: str) -> bool:
    """Return whether we signed exactly this, compared in constant time; it may have expired."""
    return constant_time_compare(_signature(_key(settings.SECRET_KEY), name, expires, download_name), given)


def _signature(key: bytes, name: str, expires: str, download_name: str) -> str:
    # Each part's length goes ahead of it, so that no text can move from one part into the next.
    message = f"{len(name)}:{name}{len(expires)}:{expires}{len(download_name)}:{download_name}"
    return hmac.digest(key, message.encode(), "sha256").hex()


@lru_cache(maxsize=2)
def _key(secret: str) -> bytes:
    """Derive the key once: a list of posts signs hundreds of addresses."""
    return salted_hmac("posts.media_urls", "key", secret=secret, algorithm="sha256").digest()
