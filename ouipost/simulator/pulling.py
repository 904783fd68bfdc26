"""Fetching a file as a pulling network would: only from PUBLIC_BASE_URL, for the simulator talks to nobody else."""

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from django.conf import settings

FETCH_SECONDS = 20


class Unreachable(Exception):
    """The file could not be fetched; the message says why."""


def fetch(address: str, *, most: int, agent: str) -> bytes:
    """Return the file at this address, at most one byte more than `most`; raises Unreachable."""
    own = getattr(settings, "PUBLIC_BASE_URL", "")
    if not own or not address.startswith(f"{own}/"):
        raise Unreachable("The address is not one of this installation's.")
    parts = urlsplit(address)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=FETCH_SECONDS)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", target, headers={"User-Agent": agent})
        response = connection.getresponse()
        content = response.read(most + 1)
    except (OSError, HTTPException) as failure:
        raise Unreachable("Nobody answers there.") from failure
    finally:
        connection.close()
    if response.status != 200:
        raise Unreachable(f"It answered {response.status}.")
    return content
