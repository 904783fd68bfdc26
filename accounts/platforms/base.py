"""What each network implements: its facts, a handful of calls, and errors that say whether asking again can help.

Nothing here or in the modules beside it knows Django, the database or the settings.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, BinaryIO, ClassVar, Protocol

from accounts.platforms import rules
from accounts.platforms.errors import (
    AuthExpired,
    Duplicate,
    NotListed,
    Outdated,
    PlatformError,
    ProcessingFailed,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.platforms.http import Answer, bearer, dig_text, unclear_is_unknown
from accounts.platforms.limits import (
    Budget,
    Issue,
    Limits,
    Option,
    Pace,
    with_number,
)
from accounts.platforms.shapes import (
    FEED,
    Account,
    AccountNumbers,
    App,
    Candidate,
    Content,
    Demographics,
    Handles,
    Media,
    Operation,
    PostNumbers,
    Profile,
    Published,
    Tokens,
)
from ouipost.phrases import Phrase

__all__ = [
    "FEED",
    "Account",
    "AccountNumbers",
    "Answer",
    "App",
    "AuthExpired",
    "Budget",
    "Candidate",
    "Connector",
    "Content",
    "Demographics",
    "Duplicate",
    "Handles",
    "Issue",
    "Limits",
    "Media",
    "NotListed",
    "Operation",
    "Option",
    "Outdated",
    "Pace",
    "PasswordConnector",
    "Platform",
    "PlatformError",
    "PostNumbers",
    "ProcessingFailed",
    "Profile",
    "Published",
    "RateLimited",
    "Recovery",
    "Rejected",
    "Save",
    "Session",
    "SignIn",
    "StillWorking",
    "Tokens",
    "Unavailable",
    "Unknown",
    "WhoActs",
]


LISTING_LAG = "listing_lag_seconds"
"""What the operator calls it, among the network's limits."""


class Session(Protocol):
    """The only way to call a network. `accounts/session.py` implements it over `ouipost/outbound`."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None,
        data: Mapping[str, Any] | bytes | BinaryIO | None = None,
        json: Any = None,
        files: Mapping[str, tuple[str, bytes | BinaryIO, str]] | None = None,
        timeout: float = 30,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """Send one request and return its answer, whatever its status; no retries, no redirects, no cookies.

        Open files are sent from where they stand to their end, piece by piece, and never held in memory whole.
        `timeout` is the whole call's, in seconds, by our own clock. Raises Unavailable when the request certainly did
        not leave (for the operator to mend where the address guard forbids it), Unknown when it left and the answer
        was lost.
        """

    def to_others(self) -> "Session":
        """Return a session for calls to third parties: how they answer says nothing about the network."""


class Save(Protocol):
    """Stores the handles of an operation durably."""

    def __call__(self, handles: Handles, *, seconds: float = 0) -> None:
        """Keep these handles; `seconds` is how long the next call may take where that is more than a minute."""


class Platform:
    """A network's facts."""

    id: ClassVar[str]
    name: ClassVar[str]
    account_types: ClassVar[tuple[str, ...]]
    scopes: tuple[str, ...]
    """Asked for at sign-in; all are needed. May depend on the app's product."""
    username_prefix: ClassVar[str] = ""
    """Written before the username where people see it."""
    limits: Limits
    """Of a usual post."""
    other_types: Mapping[str, Limits] = {}
    """The limits of each other `post_type`: story, reel, short, document."""
    raised: Mapping[str, Limits] = {}
    """The limits of accounts that may do more than others, by a word for them."""
    metrics: ClassVar[tuple[str, ...]]
    metrics_batch: ClassVar[int] = 1
    """How many posts `post_metrics` takes at once."""
    read_budget: ClassVar[Budget | None] = None
    """None: reading numbers is not known to be limited; the operator's `<NETWORK>_READ_BUDGET` wins."""
    pace: ClassVar[Pace | None] = None
    """None: its quota is not documented, or too wide to be met; the operator's `<NETWORK>_PACE` wins."""
    supports_carousel: ClassVar[bool] = False
    supports_stories: ClassVar[bool] = False
    max_video_duration: ClassVar[int]
    """As the API reference shows it; `limits` has the exact rule in seconds."""
    products: ClassVar[tuple[str, ...]] = ()
    """What else than its usual product an app can be registered for, or that it is not audited: values of the
    operator's `<NETWORK>_PRODUCT`."""
    widest_product: ClassVar[str] = ""
    """The product that lets an app do most: what the sandbox's app is registered for."""
    default_version: ClassVar[str] = ""
    """Of the network's API; the operator's `<NETWORK>_API_VERSION` wins."""
    versions_end: ClassVar[Mapping[str, date]] = {}
    """The day on which each version ends, as far as the network has said."""

    def __init__(self, app: App) -> None:
        self.app = app
        if app.limits:
            self._take_over(app.limits)

    @classmethod
    def handle(cls, username: str) -> str:
        """Return the username as people see it; empty where there is none."""
        return f"{cls.username_prefix}{username}" if username else ""

    def _take_over(self, numbers: Mapping[str, float]) -> None:
        """Apply what the installation knows better; raises KeyError or ValueError for what is no limit."""
        types, raised = {FEED: self.limits, **self.other_types}, self.raised
        for key, number in numbers.items():
            if key.partition(".")[0] in raised:
                raised = with_number(raised, key, number)
            else:
                types = with_number(types, key, number)
        self.limits, self.other_types, self.raised = types.pop(FEED), types, raised

    @property
    def version(self) -> str:
        return self.app.version or self.default_version

    @property
    def version_ends(self) -> date | None:
        """The day on which the network stops accepting this version, if it has announced one."""
        return self.versions_end.get(self.version)

    has_servers: ClassVar[bool] = False
    """Whether accounts may be on somebody's own server, which tells nothing of the network."""

    @classmethod
    def server_of(cls, account: Mapping[str, Any]) -> str:
        """Return the host of the server that an account with this metadata is on, empty for the network's own."""
        return ""

    def limits_of(self, post_type: str, account: Mapping[str, Any] | None = None) -> Limits:
        """Return the limits of a post of this type, those of a usual post where the network has no such type.

        The account's metadata may raise them, where the network lets some accounts do more.
        """
        return self.other_types.get(post_type, self.limits)

    @property
    def post_types(self) -> tuple[str, ...]:
        return (FEED, *self.other_types)

    @classmethod
    def option_kinds(cls) -> dict[str, str]:
        """Return all keys of options that posts of any type take, each with the kind of its value."""
        limits = (cls.limits, *cls.other_types.values())
        return {"post_type": "text"} | {option.name: option.kind for each in limits for option in each.options}


class Recovery(StrEnum):
    """How to find out what became of a call whose answer was lost."""

    KEY = "key"
    """Send the same again: the network knows our key and keeps one copy. When it would be too late for that, look."""
    HANDLE = "handle"
    """Ask what became of what was stored before the call: one answer is enough, and the same may be sent again. Where
    the network has forgotten that, search as for LOOK."""
    LOOK = "look"
    """Search the account's recent posts; send again only after it was absent twice."""
    PARK = "park"
    """Nobody can tell: a person must look."""


class Connector(Platform):
    """A network that can be connected: sign-in, publishing, recovery."""

    recovery: ClassVar[Recovery] = Recovery.PARK
    listing_lag: float = 0
    """Seconds until a new post surely shows in the account's own list; the operator's `listing_lag_seconds` wins."""
    link_beside_text: ClassVar[bool] = False
    """Whether a post without media takes its link in a field of its own."""
    link_beside_files: ClassVar[bool] = False
    """Whether a post with media does."""
    needs_app: ClassVar[bool] = True
    uses_pkce: ClassVar[bool] = False
    redirect_may_have_query: ClassVar[bool] = True
    """Whether it sends people back to an address with a query of its own."""
    renews_itself: ClassVar[bool] = False
    """Whether a token is its own refresh token: once it has ended nothing renews it."""
    revokes_everywhere: ClassVar[bool] = False
    """Whether revoking an account's tokens also ends those that the app got by other sign-ins to it."""
    pulls_media: ClassVar[tuple[str, ...]] = ()
    """The types of files that it fetches from our public address, which it must be able to reach."""
    api: ClassVar[str] = ""
    """The address that its calls are under, where that is one; may hold `{version}`."""
    nothing_opened: str = Phrase("The sign-in gave access to no account that can be published to: grant at least one.")
    """What a person is told whose sign-in gave no account, with the possible reasons."""

    def _take_over(self, numbers: Mapping[str, float]) -> None:
        super()._take_over({name: number for name, number in numbers.items() if name != LISTING_LAG})
        if LISTING_LAG not in numbers:
            return
        if not self.listing_lag:
            raise KeyError(LISTING_LAG)
        if not 0 < numbers[LISTING_LAG] < math.inf:
            raise ValueError(numbers[LISTING_LAG])
        self.listing_lag = numbers[LISTING_LAG]

    def authorize_url(self, *, redirect_uri: str, state: str, scopes: Sequence[str], code_challenge: str = "") -> str:
        """Return the address of the network's consent page."""
        raise NotImplementedError

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        """Exchange the code of the consent page for the person's tokens; raises Rejected when it is refused."""
        raise NotImplementedError

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        """Return every account that these tokens can act for."""
        raise NotImplementedError

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        """Return new tokens; raises AuthExpired when only the account's owner can give new ones."""
        raise NotImplementedError

    def revoke(self, session: Session, account: Account) -> None:
        """Make the network revoke the tokens."""
        raise NotImplementedError

    def profile(self, session: Session, account: Account) -> Profile:
        """Read the account's present name, handle and picture."""
        raise NotImplementedError

    def limits_for(self, content: Content, account: Mapping[str, Any]) -> Limits:
        """Return the limits of this very content, where its files decide, too."""
        return self.limits_of(content.post_type, account)

    def validate(self, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        """Return all that the network would refuse in this content, from the limits and the account's metadata alone.

        The metadata is empty for an account that is yet to be connected.
        """
        limits = self.limits_for(content, account)
        in_limits = rules.check(self.as_shown(content), limits, account)
        return [*in_limits, *self.beside_the_limits(content, limits, account)]

    def as_shown(self, content: Content) -> Content:
        """Return the content with its text as the network shows it, and counts it."""
        return content

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        """Name what the network would refuse, or change, and its limits cannot say."""
        return ()

    def shows_title(self, content: Content) -> bool:
        """Whether the network gets, and shows, the title of this post."""
        return self.limits_of(content.post_type).max_title_characters is not None

    @property
    def has_titles(self) -> bool:
        """Whether posts of any type have a title there."""
        return any(self.limits_of(name).max_title_characters is not None for name in self.post_types)

    def recovery_of(self, operation: Operation) -> Recovery:
        """Return how a lost answer to this very call is cleared up."""
        return self.recovery

    def lists(self, operation: Operation) -> bool:
        """Whether `recover` can find this call among the account's posts without its handles, as after a restore."""
        return self.recovery_of(replace(operation, handles={})) == Recovery.LOOK

    def prepare(self, session: Session, operation: Operation, save: "Save") -> Handles:
        """Do every invisible step that `operation.handles` does not know yet, and return all handles.

        `save` stores the handles so far durably; it is called after each step that is worth not repeating. Raises
        StillWorking while the network works on a file.
        """
        raise NotImplementedError

    def commit(self, session: Session, operation: Operation) -> Published:
        """Make the post, or the reply, visible with one call. Raises Unknown whenever the network may have done it,
        StillWorking when it has taken the post and does not show it yet."""
        raise NotImplementedError

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        """Return the posts on the network that can be this operation's: none, one, or several.

        Raises StillWorking while the network has it and does not show it, ProcessingFailed when it gave it up, and
        NotListed where the handle is gone and a search found nothing.
        """
        raise NotImplementedError

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        """Return the numbers of posts, at most `metrics_batch` of them; those that are gone are left out."""
        found = {each: self.numbers_of(session, account, each, now=now) for each in remote_ids}
        return {remote_id: numbers for remote_id, numbers in found.items() if numbers is not None}

    def numbers_of(self, session: Session, account: Account, remote_id: str, *, now: datetime) -> PostNumbers | None:
        """Return the numbers of one post, None where it is gone, for a network that tells no more at once."""
        raise NotImplementedError

    def listed_id(self, session: Session, account: Account, remote_id: str) -> str:
        """Return the id by which the network lists a post that was published under this one; empty while it is not
        listed."""
        return remote_id

    @property
    def may_list_by_other_ids(self) -> bool:
        """Whether `listed_id` can be another id than the given one."""
        return type(self).listed_id is not Connector.listed_id

    def permalink(self, session: Session, account: Account, remote_id: str) -> str:
        """Return the address that people see a post at, empty where the network does not tell it now, or never."""
        return ""

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        """Return the account's present numbers."""
        raise NotImplementedError

    def metrics_requests(self, remote_id: str, posts: int) -> int:
        """Return how many requests the numbers of so many posts of an account take, for 0 those of the account."""
        return 1

    def classify(self, answer: Answer) -> PlatformError:
        """Return what a refusing answer means, by the network's own codes."""
        raise NotImplementedError

    def url(self, path: str) -> str:
        """Return the address of a call."""
        return f"{self.api.format(version=self.version)}/{path}"

    def get(self, session: Session, token: str, path: str, **params: Any) -> Any:
        """Read something with a token, which goes in a header: addresses are logged."""
        return self.call(session, "GET", self.url(path), headers=bearer(token), params=params)

    def call(self, session: Session, method: str, url: str, **request: Any) -> Any:
        """Send one request and return its decoded answer; raises what `classify` makes of a refusal."""
        answer = session.request(method, url, **request)
        if not answer.ok:
            raise self.classify(answer)
        return answer.json() if answer.body else None

    def call_visible(self, session: Session, method: str, url: str, *, id_at: Sequence[str], **request: Any) -> str:
        """Send the one call that makes a post visible and return its id, found at `id_at`.

        Only a definite refusal is raised as what it is. A plain Unavailable would be sent again, but the network may
        have done it: that and an answer without an id are Unknown.
        """
        answer = session.request(method, url, **request)
        if not answer.ok:
            raise unclear_is_unknown(self.classify(answer))
        remote_id = dig_text(answer.json(), *id_at)
        if not remote_id:
            raise Unknown(Phrase("{network} took the post and gave no id.", network=self.name), status=answer.status)
        return remote_id


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """What a person enters on our own sign-in page, for a network that has no consent page for apps."""

    identifier: str
    password: str = field(repr=False)
    service: str = ""


class PasswordConnector(Connector):
    """A network that signs in with an app password, on a page of ours."""

    needs_app = False
    identifier_example: ClassVar[str] = ""
    """As our sign-in page shows what belongs in its fields; empty: no hint."""
    password_example: ClassVar[str] = ""
    service_example: ClassVar[str] = ""

    def sign_in(self, session: Session, credentials: SignIn, *, now: datetime) -> list[Candidate]:
        """Return the accounts of these credentials; raises Rejected, in words for the person, when refused."""
        raise NotImplementedError

    def is_theirs(
        self, session: Session, candidate: Candidate, credentials: SignIn, *, known: Mapping[str, Any]
    ) -> bool:
        """Whether an account with the metadata `known` is the candidate's: they may have named a server that lies."""
        return True
