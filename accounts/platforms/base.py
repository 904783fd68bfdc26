"""What a network is to the rest of the product: its facts, a handful of calls, and errors that say whether asking again
can help. Nothing here or in the modules beside it knows Django, the database or the settings."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, BinaryIO, ClassVar, Protocol


class WhoActs(StrEnum):
    """Who can mend a failure."""

    CALLER = "caller"
    ACCOUNT_OWNER = "account_owner"
    OPERATOR = "operator"
    NETWORK = "network"


class PlatformError(Exception):
    """A call to a network did not do what it should; the subclass says whether asking again can help."""

    code: ClassVar[str] = "PLATFORM_UNAVAILABLE"
    who_acts: ClassVar[WhoActs] = WhoActs.NETWORK

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        who_acts: WhoActs | None = None,
        status: int | None = None,
        network_code: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.acts = who_acts or self.who_acts
        self.status = status
        self.network_code = network_code


class Rejected(PlatformError):
    """Refused as it stands: asking again cannot help."""

    code = "CONTENT_REJECTED"
    who_acts = WhoActs.CALLER


class Duplicate(Rejected):
    """Refused because the account has posted the same before: after a lost answer this may be our own post."""


class AuthExpired(PlatformError):
    """The token is no longer taken: a refresh may help once, then only the account's owner can."""

    code = "TOKEN_REVOKED"
    who_acts = WhoActs.ACCOUNT_OWNER


class Unavailable(PlatformError):
    """Certainly not taken: ask again, not before `retry_after` seconds if that is given."""

    def __init__(self, message: str, *, retry_after: float | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.retry_after = retry_after


class RateLimited(Unavailable):
    """Certainly not taken, because of a quota: does not count as an attempt."""

    code = "RATE_LIMITED_BY_PLATFORM"


class Unknown(PlatformError):
    """The answer was lost or says nothing: the network may or may not have done it."""

    code = "OUTCOME_UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the decoded body; raises Unknown where it is not JSON, since then it says nothing."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unknown("The network's answer is not JSON.", status=self.status) from error


class Session(Protocol):
    """The one way out. `accounts/session.py` implements it over `ouipost/outbound.py`."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None,
        data: Mapping[str, Any] | bytes | None = None,
        json: Any = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        timeout: float = 30,
        max_bytes: int = 1_000_000,
    ) -> Answer:
        """Send one request and return its answer, whatever its status; no retries, no redirects, no cookies.

        `timeout` is the whole call's, in seconds, by our own clock. Raises Unavailable when the request certainly did
        not leave (for the operator to mend where the address guard forbids it), Unknown when it left and the answer
        was lost.
        """


@dataclass(frozen=True, kw_only=True)
class App:
    """This installation's registration at a network."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a sign-in or a refresh gave; `refresh_token` and `scopes` are empty where the network sent none."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    access_expires_at: datetime | None = None
    """None: unknown, or never."""
    ends_at: datetime | None = None
    """When the connection ends unless a person acts; None: unknown, or never."""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How an account shows itself."""

    name: str
    username: str = ""
    profile_image: str = ""
    followers: int | None = None
    following: int | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One account that a sign-in opened, with the tokens to act for it."""

    remote_id: str
    type: str
    profile: Profile
    tokens: Tokens
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Account:
    """A connected account as its network knows it."""

    remote_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    username: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Media:
    """One file of a post, in the order of the post."""

    id: str
    type: str
    """image, video or document."""
    mime_type: str
    size: int
    width: int = 0
    height: int = 0
    alt_text: str = ""
    filename: str = ""
    url: str = ""
    """Signed, good for 24 h: for networks that pull."""
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one account shall publish."""

    text: str
    """Final: link (where it belongs into the text) and hashtags are in it."""
    title: str = ""
    link: str = ""
    """Set only where the network takes a link beside the text."""
    media: tuple[Media, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


Handles = Mapping[str, Any]
"""What must be remembered between the steps of one publish, as JSON: media ids, a chosen record key, the record."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One publish of one content to one account, across all its attempts."""

    content: Content
    account: Account
    handles: Handles = field(default_factory=dict)
    now: datetime
    armed_at: datetime | None = None
    """When the visible call was first allowed to start; None before that."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The network has it."""

    remote_id: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Issue:
    """What a network would refuse (`severity` error) or change (warning), and how to mend it."""

    rule: str
    field: str
    message: str
    limit: Any = None
    actual: Any = None
    severity: str = "error"
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The rules that the validator applies, in numbers; None: no such limit, 0: not supported."""

    max_characters: int
    characters_counted_as: str = "unicode_characters"
    """unicode_characters, utf16_units, graphemes, or x_weighted (X's own weights)."""
    max_text_bytes: int | None = None
    max_title_characters: int | None = None
    text_required_without_media: bool = True
    media_required: bool = False
    image_mime_types: tuple[str, ...] = ()
    max_images: int = 0
    max_image_bytes: int | None = None
    max_alt_text_characters: int | None = None
    video_mime_types: tuple[str, ...] = ()
    max_videos: int = 0
    max_video_bytes: int | None = None
    max_video_duration_seconds: int | None = None
    mixes_images_and_videos: bool = False
    options: tuple[str, ...] = ()
    """The keys of `platform_content.<network>.options` that it takes."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How many posts an account may send in a moving window of `seconds`."""

    posts: int
    seconds: int


class Platform:
    """A network's facts. One that is no Connector cannot be connected yet."""

    id: ClassVar[str]
    name: ClassVar[str]
    account_types: ClassVar[tuple[str, ...]]
    scopes: ClassVar[tuple[str, ...]]
    """Asked for at sign-in; all are needed."""
    username_prefix: ClassVar[str] = ""
    """Written before the username where people see it."""
    limits: ClassVar[Limits]
    metrics: ClassVar[tuple[str, ...]]
    pace: ClassVar[Pace | None] = None
    """None: its quota is not documented, or too wide to be met; the operator's `<NETWORK>_PACE` wins."""
    supports_carousel: ClassVar[bool] = False
    supports_stories: ClassVar[bool] = False
    max_video_duration: ClassVar[int]
    """As the API reference shows it; `limits` has the exact rule in seconds."""
    oauth_supported: ClassVar[bool] = True
    default_version: ClassVar[str] = ""
    """Of the network's API; the operator's `<NETWORK>_API_VERSION` wins."""

    def __init__(self, app: App) -> None:
        self.app = app

    @property
    def version(self) -> str:
        return self.app.version or self.default_version


class Recovery(StrEnum):
    """How a lost answer is cleared up."""

    KEY = "key"
    """Send the same again: the network knows our key and keeps one copy. When it would be too late for that, look."""
    LOOK = "look"
    """Search the account's recent posts; send again only after it was absent twice."""
    PARK = "park"
    """Nobody can tell: a person must look."""


class Connector(Platform):
    """A network that can be connected: sign-in, publishing, recovery."""

    recovery: ClassVar[Recovery] = Recovery.PARK
    listing_lag: ClassVar[float] = 0
    """Seconds until a new post surely shows in the account's own list."""
    link_beside_text: ClassVar[bool] = False
    """Whether a post without media takes its link in a field of its own."""
    needs_app: ClassVar[bool] = True
    uses_pkce: ClassVar[bool] = False

    def authorize_url(self, *, redirect_uri: str, state: str, scopes: Sequence[str], code_challenge: str = "") -> str:
        """Return the address of the network's consent page."""
        raise NotImplementedError

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        """Trade the code of the consent page for the person's tokens; raises Rejected when it is not taken."""
        raise NotImplementedError

    def candidates(self, session: Session, tokens: Tokens) -> list[Candidate]:
        """Return every account that these tokens can act for."""
        raise NotImplementedError

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        """Return new tokens; raises AuthExpired when only the account's owner can give new ones."""
        raise NotImplementedError

    def revoke(self, session: Session, account: Account) -> None:
        """Make the network forget the tokens."""
        raise NotImplementedError

    def profile(self, session: Session, account: Account) -> Profile:
        """Read how the account shows itself now."""
        raise NotImplementedError

    def validate(self, content: Content) -> list[Issue]:
        """Return all that the network would refuse in this content, from the limits alone."""
        raise NotImplementedError

    def prepare(self, session: Session, operation: Operation, save: Callable[[Handles], None]) -> Handles:
        """Do every invisible step that `operation.handles` does not know yet, and return all handles.

        `save` stores the handles so far durably; it is called after each step that is worth not repeating.
        """
        raise NotImplementedError

    def commit(self, session: Session, operation: Operation) -> Published:
        """Make the post visible with one call. Raises Unknown whenever the network may have done it."""
        raise NotImplementedError

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        """Return the posts on the network that can be this operation's: none, one, or several."""
        raise NotImplementedError

    def classify(self, answer: Answer) -> PlatformError:
        """Return what a refusing answer means, by the network's own codes."""
        raise NotImplementedError

    def call(self, session: Session, method: str, url: str, **request: Any) -> Any:
        """Send one request and return its decoded answer; raises what `classify` makes of a refusal."""
        answer = session.request(method, url, **request)
        if not answer.ok:
            raise self.classify(answer)
        return answer.json() if answer.body else None


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """What a person gives on our own sign-in page of a network that has no consent page for apps."""

    identifier: str
    password: str = field(repr=False)
    service: str = ""


class PasswordConnector(Connector):
    """A network that signs in with an app password, on a page of ours."""

    oauth_supported = True
    needs_app = False
    identifier_example: ClassVar[str] = ""
    """As our sign-in page shows what belongs into its fields; empty: no hint."""
    password_example: ClassVar[str] = ""
    service_example: ClassVar[str] = ""

    def sign_in(self, session: Session, credentials: SignIn, *, now: datetime) -> list[Candidate]:
        """Return the accounts that these credentials open; raises Rejected, in words for the person, when refused."""
        raise NotImplementedError
