"""Calls to Facebook's Graph API: https://developers.facebook.com/docs/graph-api/overview"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import parse_qs, urljoin

from accounts.platforms.base import Session
from accounts.platforms.errors import AuthExpired, PlatformError, Rejected, Unknown
from accounts.platforms.facebook import errors as facebook_errors
from accounts.platforms.http import MOST_PAGES, Answer, bearer, dig, dig_text, pages, unclear_is_unknown
from accounts.platforms.meta.graph import app_secret_proof
from accounts.platforms.meta.visibility import of_the_account
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import Account
from ouipost.phrases import Phrase

GRAPH_HOST = "graph.facebook.com"
VIDEO_HOST = "graph-video.facebook.com"


class Graph(OAuth2Connector):
    """A connector whose calls carry the Page's token outside their address, and a proof that the app itself calls."""

    def url(self, path: str, host: str = GRAPH_HOST) -> str:
        return f"https://{host}/{self.version}/{path}"

    def proof(self, token: str) -> dict[str, str]:
        return app_secret_proof(token, self.app.client_secret)

    def get(self, session: Session, token: str, path: str, *, timeout: float = 30, **params: Any) -> Any:
        params |= self.proof(token)
        return self.call(session, "GET", self.url(path), headers=bearer(token), params=params, timeout=timeout)

    def edge(
        self, session: Session, token: str, path: str, *, most: int = MOST_PAGES, **params: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the entries of an edge."""
        return chain.from_iterable(self.pages(session, token, path, most=most, **params))

    def pages(
        self, session: Session, token: str, path: str, *, most: int = MOST_PAGES, **params: Any
    ) -> Iterator[list[Any]]:
        """Yield the entries of an edge page by page."""
        read = partial(self.get, session, token, path, limit=100, **params)
        return pages(read, at="data", cursor="after", cursor_of=_cursor, most=most)

    def form(
        self, account: Account, fields: Mapping[str, str], *, host: str = GRAPH_HOST, **request: Any
    ) -> dict[str, Any]:
        """Return the request of a call that writes for a Page, with all fields that are not empty."""
        token = account.access_token
        written = {key: value for key, value in fields.items() if value} | self.proof(token)
        if host == VIDEO_HOST:  # it is not documented to read the header
            return {"data": written | {"access_token": token}, **request}
        return {"headers": bearer(token), "data": written, **request}

    def write(self, session: Session, account: Account, edge: str, fields: Mapping[str, str], **request: Any) -> Any:
        """Send a writing call whose effect is not visible yet."""
        host = request.pop("host", GRAPH_HOST)
        url = self.url(f"{account.remote_id}/{edge}", host)
        with of_the_account():
            return self.call(session, "POST", url, **self.form(account, fields, host=host, **request))

    def finish(
        self, session: Session, account: Account, edge: str, fields: Mapping[str, str], host: str = GRAPH_HOST
    ) -> Any:
        """Make a post visible with a call that is answered by `success`; raises Unknown if it may have been done."""
        url = self.url(f"{account.remote_id}/{edge}", host)
        answer = session.request("POST", url, **self.form(account, fields, host=host))
        if not answer.ok:
            raise unclear_is_unknown(self.classify(answer))
        said_so = answer.json()
        if dig(said_so, "success") is not True:
            raise Unknown(Phrase("Facebook did not say whether it took the post."), status=answer.status)
        return said_so

    def classify(self, answer: Answer) -> PlatformError:
        return facebook_errors.classify(answer)

    def classify_token_error(self, answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError:
        return self.classify(answer)


def _cursor(answer: Any) -> str:
    """Return only the cursor of the next page, since the token must not be sent to an address named by an answer."""
    address = dig_text(answer, "paging", "next")
    after = parse_qs(address.partition("?")[2]).get("after", [""])[0]
    if address and not after:
        raise Unknown(Phrase("Facebook did not say how its list goes on."))
    return after


def post_id_of(account: Account, found: str) -> str:
    """Return the whole id of a post; at times Facebook gives only its second half."""
    return found if "_" in found or not found else f"{account.remote_id}_{found}"


def page_address(found: Any, post_id: str, *, key: str = "permalink_url") -> str:
    """Return a post's public address: the one in an answer, which may lack its host, or one made of the id."""
    return urljoin("https://www.facebook.com/", dig_text(found, key) or post_id)
