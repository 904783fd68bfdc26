"""LinkedIn, for members and organizations: https://learn.microsoft.com/linkedin/marketing/community-management"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import Duplicate, PlatformError, Unknown
from accounts.platforms.http import Answer, decoded, dig, dig_text, unclear_is_unknown
from accounts.platforms.limits import Allowance, Issue, Limits
from accounts.platforms.linkedin import errors as linkedin_errors
from accounts.platforms.linkedin import littletext, validation
from accounts.platforms.linkedin import media as linkedin_media
from accounts.platforms.linkedin import people as linkedin_people
from accounts.platforms.linkedin import posts as linkedin_posts
from accounts.platforms.linkedin.api import HOST, Api
from accounts.platforms.linkedin.listing import find_comments, find_posts
from accounts.platforms.linkedin.numbers import OF_MEMBERS, Numbers
from accounts.platforms.linkedin.people import COMMUNITY
from accounts.platforms.linkedin.posts import is_organization
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import (
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

WEB = "https://www.linkedin.com"
SELF_SERVE_SCOPES = ("openid", "profile", "email", "w_member_social")
COMMUNITY_SCOPES = (
    "r_basicprofile",
    "w_member_social",
    "w_organization_social",
    "r_organization_social",
    "w_member_social_feed",
    "w_organization_social_feed",
    "r_organization_social_feed",
    "rw_organization_admin",
    "r_organization_followers",
    "r_member_postAnalytics",
    "r_member_profileAnalytics",
)


class LinkedIn(OAuth2Connector):
    id = "linkedin"
    name = "LinkedIn"
    account_types = ("profile", "organization")
    post_hosts = ("linkedin.com",)
    post_address = r"[^/]+/feed/update/(urn:li:(?:share|ugcPost):\d+)"
    scopes: tuple[str, ...] = SELF_SERVE_SCOPES
    pace = Allowance(most=150, seconds=86_400)
    """Share on LinkedIn allows 150 calls a member and day; a post takes one or more."""
    read_budget = Allowance(most=60, seconds=86_400)
    """The development tier allows 100 calls a member and day; the limit of the standard tier is not published."""
    limits = validation.LIMITS
    other_types = {"document": validation.DOCUMENT_LIMITS}
    metrics = ("impressions", "reach", "engagement", "likes", "comments", "shares", "clicks")
    metrics_batch = 10
    max_video_duration = 1800
    default_version = "202609"
    products = (COMMUNITY,)
    widest_product = COMMUNITY
    recovery = Recovery.LOOK
    listing_lag = 10
    link_beside_text = True
    other_scopes_end_tokens = True

    authorize_endpoint = f"{WEB}/oauth/v2/authorization"
    token_endpoint = f"{WEB}/oauth/v2/accessToken"
    dead_grant = frozenset({"invalid_grant", "invalid_request"})
    revoke_endpoint = f"{WEB}/oauth/v2/revoke"

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.scopes = COMMUNITY_SCOPES if app.product == COMMUNITY else SELF_SERVE_SCOPES

    @property
    def version_ends(self) -> date | None:
        """The end of a version, which is named after its month: the middle of that month a year later."""
        year, month = self.version[:4], self.version[4:]
        is_month = self.version.isdecimal() and len(month) == 2 and 1 <= int(month) <= 12
        return date(int(year) + 1, int(month), 15) if is_month else None

    def is_of_this_product(self, metadata: Mapping[str, Any]) -> bool:
        return self._product(metadata) == self.app.product

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        """Exchange the code; without a refresh token the connection ends with the access token, after 60 days."""
        given = super().exchange(session, code=code, redirect_uri=redirect_uri, now=now)
        return given if given.refresh_token else replace(given, ends_at=given.access_expires_at)

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        api = self._api(session, tokens.access_token)
        return list(linkedin_people.candidates(api, tokens, product=self.app.product))

    def profile(self, session: Session, account: Account) -> Profile:
        api = self._api(session, account.access_token)
        if is_organization(account.remote_id):
            return linkedin_people.organization(api, account.remote_id)
        return linkedin_people.member(api, self._product(account.metadata))

    def shows_title(self, content: Content) -> bool:
        """Whether the post has a title: a link's card, a video or a document; images and plain text have none."""
        return content.media[0].type != "image" if content.media else bool(content.link)

    def as_shown(self, content: Content) -> Content:
        return replace(content, text=littletext.shown(content.text))

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content, account, product=self._product(account))

    def recovery_of(self, operation: Operation) -> Recovery:
        """Return LOOK for organizations; for members PARK, as their posts and comments cannot be listed."""
        return Recovery.LOOK if is_organization(operation.account.remote_id) else Recovery.PARK

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        if operation.reply:
            return operation.handles
        return linkedin_media.prepare(self._api(session, operation.account.access_token), operation, save)

    def commit(self, session: Session, operation: Operation) -> Published:
        api = self._api(session, operation.account.access_token)
        if operation.reply:
            return self._comment(session, api, operation)
        answer = self._create(api, operation)
        if linkedin_errors.is_conflict(answer) and operation.content.text:
            return self._once_more(session, api, operation)
        return self._result(session, operation, answer)

    def _once_more(self, session: Session, api: Api, operation: Operation) -> Published:
        """Send the same text again after a conflict: LinkedIn refuses it if it has made the post.

        The post named in that refusal may be another one with the same text, as from another workspace.
        """
        try:
            return self._result(session, operation, self._create(api, operation))
        except PlatformError as error:
            raise Unknown(**error.facts) from error

    def _create(self, api: Api, operation: Operation) -> Answer:
        """Send the post, and again without its link's picture if it was certainly refused for the picture alone: it is
        bad, or not ready for minutes."""
        body = linkedin_posts.body(operation)
        answer = api.create("/rest/posts", body)
        article = dig(body, "content", "article")
        is_in_vain = linkedin_errors.is_about_a_bad_file(answer) or (
            linkedin_errors.is_about_a_waiting_file(answer) and linkedin_media.has_waited_for_card(operation)
        )
        if dig_text(article, "thumbnail") and is_in_vain:
            plain = {name: value for name, value in article.items() if name != "thumbnail"}
            return api.create("/rest/posts", body | {"content": {"article": plain}})
        return answer

    def _result(self, session: Session, operation: Operation, answer: Answer) -> Published:
        """Return the post that was made, or the one named by the refusal of a repeat; raise any other refusal."""
        if answer.ok:
            return _made(answer)
        was_sent_before = operation.armed_at is not None and operation.armed_at < operation.now
        error = unclear_is_unknown(self.classify(answer))
        urn = linkedin_posts.named(dig_text(decoded(answer), "message")) if isinstance(error, Duplicate) else ""
        if urn and was_sent_before and self._may_be_ours(session, operation, urn):
            return linkedin_posts.published(urn)
        raise error

    def _may_be_ours(self, session: Session, operation: Operation, urn: str) -> bool:
        """Whether the named post may be ours: an organization's is looked up, a member's cannot be, and is assumed."""
        if not is_organization(operation.account.remote_id):
            return True
        try:
            return any(each.remote_id == urn for each in self.recover(session, operation))
        except PlatformError:
            return False

    def _comment(self, session: Session, api: Api, operation: Operation) -> Published:
        body = {
            "actor": operation.account.remote_id,
            "object": operation.root.remote_id,
            "message": {"text": operation.text},
        }
        url = f"{HOST}{linkedin_posts.comments_path(operation)}"
        urn = self.call_visible(session, "POST", url, id_at=("commentUrn",), headers=api.headers, json=body)
        return linkedin_posts.comment(operation, urn)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        api = self._api(session, operation.account.access_token)
        if operation.reply:
            return find_comments(api, operation)
        return find_posts(api, operation)

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        if self._product(account.metadata) != COMMUNITY:
            return {urn: PostNumbers() for urn in remote_ids}
        numbers = Numbers(self._api(session, account.access_token), account.remote_id)
        if is_organization(account.remote_id):
            return numbers.of_organization_posts(remote_ids)
        return numbers.of_member_posts(remote_ids)

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        if self._product(account.metadata) != COMMUNITY:
            return AccountNumbers()
        numbers = Numbers(self._api(session, account.access_token), account.remote_id)
        return numbers.of_organization(now=now) if is_organization(account.remote_id) else numbers.of_member(now=now)

    def metrics_requests(self, remote_id: str, posts: int) -> int:
        """Return the most requests: each post missing in an organization's statistics takes one more."""
        if is_organization(remote_id):
            return 1 + (posts or 1)
        return len(OF_MEMBERS) * posts or 1 + len(OF_MEMBERS)

    def classify(self, answer: Answer) -> PlatformError:
        return linkedin_errors.classify(answer)

    def _api(self, session: Session, token: str) -> Api:
        return Api(self, session, token)

    def _product(self, metadata: Mapping[str, Any]) -> str:
        """Return the product that an account was connected with; a later change of the app gives it no new rights."""
        return str(metadata.get("product", self.app.product))


def _made(answer: Answer) -> Published:
    urn = answer.headers.get("x-restli-id") or answer.headers.get("x-linkedin-id")
    if not urn:
        raise Unknown(Phrase("LinkedIn took the post and gave no id."), status=answer.status)
    return linkedin_posts.published(urn)
