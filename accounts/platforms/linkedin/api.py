"""LinkedIn's REST calls: https://learn.microsoft.com/linkedin/shared/api-guide/concepts"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote

from accounts.platforms.base import Connector, Session
from accounts.platforms.errors import PlatformError
from accounts.platforms.http import Answer, bearer, dig_count, dig_list, dig_text, pages
from accounts.platforms.linkedin.errors import UploadOver

HOST = "https://api.linkedin.com"
RESTLI = "2.0.0"
FINDER = {"X-RestLi-Method": "FINDER"}


def encoded(urn: str) -> str:
    """Return a URN encoded for addresses."""
    return quote(urn, safe="")


def urn_list(urns: Iterable[str]) -> str:
    """Return Rest.li's list of URNs, whose own brackets and commas must not be encoded."""
    return f"List({','.join(map(encoded, urns))})"


class Api:
    """The calls with one token, in one version. Paths are given complete, as their parts are already encoded."""

    def __init__(self, connector: Connector, session: Session, token: str) -> None:
        self.connector, self.session, self.token = connector, session, token
        self.headers = bearer(token) | {"LinkedIn-Version": connector.version, "X-Restli-Protocol-Version": RESTLI}

    def get(self, path: str, *, finder: bool = False) -> Any:
        headers = self.headers | (FINDER if finder else {})
        return self.connector.call(self.session, "GET", f"{HOST}{path}", headers=headers)

    def get_unversioned(self, path: str) -> Any:
        return self.connector.call(self.session, "GET", f"{HOST}{path}", headers=bearer(self.token))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self.connector.call(self.session, "POST", f"{HOST}{path}", headers=self.headers, json=body)

    def create(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send a call that makes a post visible, and return its answer, even a refusal."""
        return self.session.request("POST", f"{HOST}{path}", headers=self.headers, json=body)

    def put(self, url: str, data: bytes | BinaryIO, *, headers: Mapping[str, str], timeout: float) -> Answer:
        """Send a file, or a part of it, to its upload address from LinkedIn."""
        answer = self.session.request("PUT", url, headers=headers, data=data, timeout=timeout)
        if not answer.ok:
            raise _of_the_address(self.connector.classify(answer))
        return answer

    def pages(self, path: str, *, finder: bool = False) -> Iterator[list[Any]]:
        """Yield the pages of a list."""
        return pages(partial(self._page, path, finder), at="elements", cursor="start", cursor_of=_next_start)

    def _page(self, path: str, finder: bool, start: str = "") -> Any:
        joint = "&" if "?" in path else "?"
        return self.get(f"{path}{joint}start={start}" if start else path, finder=finder)


def _of_the_address(error: PlatformError) -> PlatformError:
    """Return UploadOver for a 401 or 403: an upload address needs no permission, so the address has expired.

    Any other cause shows when the upload begins again.
    """
    return UploadOver(**error.facts) if error.status in (401, 403) else error


def _next_start(page: Any) -> str:
    start, count = dig_count(page, "paging", "start") or 0, dig_count(page, "paging", "count") or 0
    total = dig_count(page, "paging", "total")
    goes_on = any(dig_text(link, "rel") == "next" for link in dig_list(page, "paging", "links"))
    if not goes_on and count:
        goes_on = len(dig_list(page, "elements")) >= count if total is None else start + count < total
    return str(start + count) if goes_on else ""
