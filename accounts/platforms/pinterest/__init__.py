"""Pinterest, where a post is a Pin on a board: https://developers.pinterest.com/docs/api/v5"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from time import monotonic
from typing import Any

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import (
    AuthExpired,
    ErrorCode,
    PlatformError,
    Rejected,
    Unavailable,
    Unknown,
    WhoActs,
    app_refused,
)
from accounts.platforms.http import Answer, bearer, dig_count, dig_text, pages, text_at
from accounts.platforms.limits import Allowance, Issue, Limits
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.pinterest import errors as pinterest_errors
from accounts.platforms.pinterest import numbers as pinterest_numbers
from accounts.platforms.pinterest import pins as pinterest_pins
from accounts.platforms.pinterest import validation
from accounts.platforms.pinterest.listing import pins_like
from accounts.platforms.pinterest.media import VideoUpload
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

ENTRIES_A_PAGE = 250
MOST_PAGES = 40
BOARDS_WITH_SECTIONS, SECTIONS_SECONDS = 20, 10.0
PINS_A_PAGE = 100
OLDER = "older"
"""The product of an app that was made before 25 September 2025."""
COUNTRIES = (
    *("at", "be", "ca", "ch", "cl", "co", "co.at", "co.in", "co.kr", "co.nz", "co.uk", "com.au", "com.bo", "com.ec"),
    *("com.mx", "com.pe", "com.py", "com.uy", "com.vn", "de", "dk", "ec", "es", "fr", "hu", "id", "ie", "in", "it"),
    *("jp", "kr", "mx", "nl", "nz", "pe", "ph", "pt", "ru", "th", "tw", "uk", "vn"),
)
"""The ends of its country domains, as far as they are known. An address at another is taken as well, with a
question."""
MOST_LIST_BYTES = 8_000_000
"""Lists of boards and Pins are long, as they have the addresses of all pictures."""


class Pinterest(OAuth2Connector):
    id = "pinterest"
    name = "Pinterest"
    account_types = ("pinner", "business")
    post_hosts = ("pinterest.com", "pin.it", *(f"pinterest.{country}" for country in COUNTRIES))
    post_address = r"[^/]+/pin/(\d+)"
    scopes = ("boards:read", "boards:write", "pins:read", "pins:write", "user_accounts:read")
    pace = Allowance(most=100, seconds=60)
    """`org_write` with Standard access, by user and app."""
    paces = {validation.TRIAL: Allowance(most=300, seconds=86_400)}
    """With Trial access it is for all users together."""
    read_budget = Allowance(most=100, seconds=60)
    """`org_analytics` allows 60 a minute, by user and app: every other request for a Pin's numbers."""
    read_budgets = {validation.TRIAL: Allowance(most=300, seconds=86_400)}
    """With Trial access, all requests of all users are 1,000 a day: the others are for posting and looking."""
    limits = validation.LIMITS
    metrics = ("impressions", "engagement", "clicks", *pinterest_numbers.OWN)
    supports_carousel = True
    max_video_duration = 900
    default_version = "v5"
    products = (OLDER, validation.TRIAL)
    recovery = Recovery.LOOK
    listing_lag = 10
    link_beside_text = link_beside_files = True

    api = "https://api.pinterest.com/{version}"
    authorize_endpoint = "https://www.pinterest.com/oauth/"
    token_endpoint = f"{api}/oauth/token"
    scope_separator = ","
    basic_auth = True

    def __init__(self, app: App) -> None:
        super().__init__(app)
        if app.product == OLDER:
            self.beside_the_code = {"continuous_refresh": "true"}  # without it the refresh token ends after a year

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        token = tokens.access_token
        me = self._me(session, token)
        kind = dig_text(me, "account_type").lower()
        profile = _profile(me, self._boards(session, token))
        kind = kind if kind in self.account_types else "pinner"
        return [Candidate(remote_id=dig_text(me, "id"), type=kind, profile=profile, tokens=tokens)]

    def profile(self, session: Session, account: Account) -> Profile:
        token = account.access_token
        return _profile(self._me(session, token), self._with_sections(session, token, self._boards(session, token)))

    def limits_for(self, content: Content, account: Mapping[str, Any]) -> Limits:
        return validation.limits_for(content, self.limits)

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        return validation.beside_the_limits(content, account, product=self.app.product)

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        if operation.content.video is None:
            return pinterest_pins.hold_images(operation.content, operation.handles, save)
        return VideoUpload(self, session, operation, save, url=self.url("media")).run()

    def commit(self, session: Session, operation: Operation) -> Published:
        pin_id = self.call_visible(
            session,
            "POST",
            self.url("pins"),
            id_at=("id",),
            headers=bearer(operation.account.access_token),
            json=pinterest_pins.write(operation.content, operation.handles),
        )
        return _published(pin_id)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        path = pinterest_pins.place_of(operation.content)
        read = partial(self.get, session, operation.account.access_token, f"{path}/pins", page_size=PINS_A_PAGE)
        return [_published(pin_id) for pin_id in pins_like(read, operation)]

    def numbers_of(self, session: Session, account: Account, remote_id: str, *, now: datetime) -> PostNumbers | None:
        return pinterest_numbers.of_post(partial(self.get, session, account.access_token), remote_id, now=now)

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        read = partial(self.get, session, account.access_token)
        yesterday = (now.astimezone(UTC) - timedelta(days=1)).date()
        return pinterest_numbers.of_account(read, day=yesterday)

    def metrics_requests(self, remote_id: str, posts: int) -> int:
        """Return two: one for the Pin or account itself, one for its analytics."""
        return 2

    def classify(self, answer: Answer) -> PlatformError:
        return pinterest_errors.classify(answer)

    def classify_token_error(self, answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError:
        error = self.classify(answer)
        if isinstance(error, Unavailable) or error.who_acts == WhoActs.OPERATOR:
            return error
        if refusal is AuthExpired and error.who_acts == WhoActs.CALLER and error.network_code:
            return app_refused(**error.facts)  # the request is wrong, and the account may be fine
        return refusal(code=ErrorCode.TOKEN_REVOKED, who_acts=WhoActs.ACCOUNT_OWNER, **error.facts)

    def _me(self, session: Session, token: str) -> Any:
        me = self.get(session, token, "user_account")
        if not dig_text(me, "id"):
            raise Unknown(Phrase("Pinterest did not say whose token this is."))
        return me

    def _boards(self, session: Session, token: str) -> list[dict[str, Any]]:
        return self._listed(session, token, "boards", "id", "name", "privacy")

    def _with_sections(self, session: Session, token: str, boards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the boards, the first ones with their sections: each takes a request, and somebody may be waiting."""
        most = 0 if self.app.product == validation.TRIAL else BOARDS_WITH_SECTIONS
        found: list[dict[str, Any]] = []
        until = monotonic() + SECTIONS_SECONDS
        with suppress(PlatformError):
            for board in takewhile(lambda _: monotonic() < until, boards[:most]):
                sections = self._listed(session, token, f"boards/{board['id']}/sections", "id", "name")
                found.append(board | {pinterest_pins.SECTIONS: sections})
        return [*found, *boards[len(found) :]]

    def _listed(self, session: Session, token: str, path: str, *shown: str) -> list[dict[str, Any]]:
        read = partial(self.get, session, token, path, page_size=ENTRIES_A_PAGE)
        entries = pages(read, at="items", cursor="bookmark", cursor_of=text_at("bookmark"), most=MOST_PAGES)
        return [{name: dig_text(each, name) for name in shown} for page in entries for each in page]

    def get(self, session: Session, token: str, path: str, **params: Any) -> Any:
        return self.call(
            session, "GET", self.url(path), headers=bearer(token), params=params, max_bytes=MOST_LIST_BYTES
        )


def _published(pin_id: str) -> Published:
    return Published(remote_id=pin_id, url=f"https://www.pinterest.com/pin/{pin_id}/")


def _profile(me: Any, boards: list[dict[str, Any]]) -> Profile:
    username = dig_text(me, "username")
    return Profile(
        name=dig_text(me, "business_name") or username,
        username=username,
        profile_image=dig_text(me, "profile_image"),
        followers=dig_count(me, "follower_count"),
        following=dig_count(me, "following_count"),
        metadata={pinterest_pins.BOARDS: boards},
    )
