"""Facebook Pages: https://developers.facebook.com/docs/pages-api/posts"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import AuthExpired
from accounts.platforms.facebook import numbers as facebook_numbers
from accounts.platforms.facebook import validation
from accounts.platforms.facebook.api import Graph
from accounts.platforms.facebook.posts import Comment, PhotoStory, Post, Way
from accounts.platforms.facebook.video import Reel, Video, VideoStory
from accounts.platforms.http import bearer, dig, dig_count, dig_list, dig_text
from accounts.platforms.limits import Issue, Limits
from accounts.platforms.meta.graph import VERSIONS_END
from accounts.platforms.meta.rules import as_sent
from accounts.platforms.meta.visibility import of_the_account
from accounts.platforms.shapes import (
    FEED,
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Handles,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from ouipost.phrases import Phrase

PAGE_FIELDS = "id,name,username,access_token,category,link,picture.type(large){url},followers_count,fan_count,tasks"
PROFILE_FIELDS = "id,name,username,picture.type(large){url},followers_count,fan_count"
MAY_PUBLISH = "CREATE_CONTENT"
MOST_LISTS = 50
PERSONAL = "me/accounts"
THROUGH_A_BUSINESS = "business_management"
"""An optional scope: with it, Pages of the businesses that the person works in can be chosen, too."""
BUSINESS_EDGES = ("owned_pages", "client_pages")
REACHED_BY = "reached_by"
"""The key of the edge that lists an account's Page in its metadata, unless that is the person's own."""


class Facebook(Graph):
    id = "facebook"
    name = "Facebook"
    account_types = ("page",)
    post_hosts = ("facebook.com", "fb.com", "fb.watch")
    post_address = r"[^/]+/(\d+_\d+)/?\?"
    scopes = (
        "pages_show_list",
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_manage_engagement",
        "pages_read_user_content",
        "read_insights",
    )
    scopes_to_post = ("pages_manage_posts",)
    scopes_to_reply = ("pages_manage_engagement",)
    limits = validation.LIMITS
    other_types = {"story": validation.STORY_LIMITS, "reel": validation.REEL_LIMITS}
    metrics = ("impressions", "reach", "engagement", "clicks", "reactions", "comments", "shares", "video_views")
    supports_carousel = True
    supports_stories = True
    max_video_duration = 240
    default_version = "v26.0"
    versions_end = VERSIONS_END
    recovery = Recovery.LOOK
    listing_lag = 10
    shares_grants_with = ("instagram",)
    link_beside_text = True
    nothing_opened = Phrase(
        "The sign-in gave access to no Page that can be published to: tick at least one "
        "on which this person may create content. Pages of a business also need the scope business_management."
    )

    authorize_endpoint = "https://www.facebook.com/{version}/dialog/oauth"
    token_endpoint = "https://graph.facebook.com/{version}/oauth/access_token"  # noqa: S105
    scope_separator = ","

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self._comment, self._post = Comment(self), Post(self)
        self._ways: dict[tuple[str, str], Way] = {
            (FEED, "video"): Video(self),
            ("story", "image"): PhotoStory(self),
            ("story", "video"): VideoStory(self),
            ("reel", "video"): Reel(self),
        }

    def authorize_url(self, *, redirect_uri: str, state: str, scopes: Sequence[str], code_challenge: str = "") -> str:
        """Ask again for scopes that the person declined before; by default Facebook does not."""
        url = super().authorize_url(redirect_uri=redirect_uri, state=state, scopes=scopes)
        return f"{url}&auth_type=rerequest"

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        short = super().exchange(session, code=code, redirect_uri=redirect_uri, now=now)
        params = {
            "grant_type": "fb_exchange_token",
            "client_id": self.app.client_id,
            "client_secret": self.app.client_secret,
            "fb_exchange_token": short.access_token,
        }
        return self.tokens(self.call(session, "GET", self.url("oauth/access_token"), params=params), now=now)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        token = tokens.access_token
        person = dig_text(self.get(session, token, "me", fields="id,name"), "id")
        scopes = self.granted(session, token)
        found: dict[str, Candidate] = {}
        for page, reached in self.all_pages(session, token, scopes, partial(self._pages, session, token)):
            facts = {"user_id": person, **reached}
            candidate = _candidate(page, user_token=token, scopes=scopes, facts=facts)
            found.setdefault(candidate.remote_id, candidate)
        return list(found.values())

    def granted(self, session: Session, token: str) -> tuple[str, ...]:
        """Return the scopes that the person with this token granted."""
        permissions = dig_list(self.get(session, token, "me/permissions"), "data")
        return tuple(dig_text(each, "permission") for each in permissions if dig(each, "status") == "granted")

    def all_pages(
        self, session: Session, token: str, scopes: Sequence[str], read: Callable[[str], Iterable[Mapping[str, Any]]]
    ) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
        """Yield the Pages that `read` finds at each edge, with what an account keeps to find its Page again."""
        for edge in self._edges(session, token, scopes):
            reached = {} if edge == PERSONAL else {REACHED_BY: edge}
            yield from ((page, reached) for page in read(edge))

    def _edges(self, session: Session, token: str, scopes: Sequence[str]) -> Iterator[str]:
        """Yield the edges that list Pages: the person's, and those of the businesses that the person works in."""
        yield PERSONAL
        if THROUGH_A_BUSINESS in scopes:
            for business in self.edge(session, token, "me/businesses", most=MOST_LISTS, fields="id,name"):
                yield from (f"{dig_text(business, 'id')}/{edge}" for edge in BUSINESS_EDGES)

    def _pages(self, session: Session, token: str, edge: str) -> list[Mapping[str, Any]]:
        """Return the Pages that this person may publish to."""
        pages = self.edge(session, token, edge, most=MOST_LISTS, fields=PAGE_FIELDS)
        mine = [each for each in pages if MAY_PUBLISH in dig_list(each, "tasks")]
        return [each for each in mine if dig_text(each, "access_token")]

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        read = partial(self._pages, session, edge=edge_of(account))
        lost = Phrase("This person may no longer publish to the Facebook Page: connect it again.")
        return self.renewed(session, account, read, id_at=("id",), lost=lost)

    def renewed(
        self,
        session: Session,
        account: Account,
        read: Callable[[str], Iterable[Mapping[str, Any]]],
        *,
        id_at: Sequence[str],
        lost: str,
    ) -> Tokens:
        """Read a Page's token again with the person's token; raises AuthExpired with the message `lost` if the account
        is on none of the person's Pages.

        A Page's token does not expire: once the person's token has expired, the Page's is kept as long as it works.
        """
        token = account.refresh_token
        try:
            pages = list(read(token)) if token else []
        except AuthExpired:
            self.get(session, account.access_token, account.remote_id, fields="id")
            return Tokens(access_token=account.access_token, refresh_token=token)
        for page in pages:
            if dig_text(page, *id_at) == account.remote_id:
                return Tokens(access_token=dig_text(page, "access_token"), refresh_token=token)
        raise AuthExpired(lost)

    def revoke(self, session: Session, account: Account) -> None:
        user_id = dig_text(account.metadata, "user_id") or "me"
        token = account.refresh_token
        self.call(
            session, "DELETE", self.url(f"{user_id}/permissions"), headers=bearer(token), params=self.proof(token)
        )

    def profile(self, session: Session, account: Account) -> Profile:
        with of_the_account():
            return _profile(self.get(session, account.access_token, account.remote_id, fields=PROFILE_FIELDS))

    def as_shown(self, content: Content) -> Content:
        return as_sent(content)

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content)

    def shows_title(self, content: Content) -> bool:
        """A video has a title, without a limit; a reel has one, a story has none."""
        return super().shows_title(content) or (content.post_type == FEED and content.video is not None)

    def _way(self, operation: Operation) -> Way:
        """Return the way to publish, by the first file; the rules have refused a video together with other files."""
        if operation.reply:
            return self._comment
        content = operation.content
        first = content.media[0].type if content.media else ""
        return self._ways.get((content.post_type, first), self._post)

    def recovery_of(self, operation: Operation) -> Recovery:
        return self._way(operation).recovery

    def lists(self, operation: Operation) -> bool:
        """Whether the post can be found without handles; a photo story cannot, as only its photo's id is listed."""
        return super().lists(operation) and not isinstance(self._way(operation), PhotoStory)

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        return self._way(operation).prepare(session, operation, save)

    def commit(self, session: Session, operation: Operation) -> Published:
        return self._way(operation).commit(session, operation)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        return self._way(operation).recover(session, operation)

    def numbers_of(self, session: Session, account: Account, remote_id: str, *, now: datetime) -> PostNumbers | None:
        return facebook_numbers.of_post(self, session, account, remote_id, now=now)

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        return facebook_numbers.of_account(self, session, account, now=now)


def edge_of(account: Account) -> str:
    """Return the edge that lists an account's Page."""
    return dig_text(account.metadata, REACHED_BY) or PERSONAL


def _candidate(
    page: Mapping[str, Any], *, user_token: str, scopes: tuple[str, ...], facts: Mapping[str, str]
) -> Candidate:
    page_id = dig_text(page, "id")
    return Candidate(
        remote_id=page_id,
        type="page",
        profile=_profile(page),
        tokens=Tokens(access_token=dig_text(page, "access_token"), refresh_token=user_token, scopes=scopes),
        metadata={"page_id": page_id, "category": dig_text(page, "category"), **facts},
    )


def _profile(page: Any) -> Profile:
    return Profile(
        name=dig_text(page, "name"),
        username=dig_text(page, "username"),
        profile_image=dig_text(page, "picture", "data", "url"),
        followers=dig_count(page, "followers_count"),
    )
