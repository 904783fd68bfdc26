"""The interface of a network: its facts and a handful of calls.

`shapes` has what the calls take and return, `limits` the limits, and `errors` the errors, which say whether a retry can
help. Neither this module nor its neighbours use Django, the database or the settings.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, BinaryIO, ClassVar, Protocol, TypedDict, Unpack
from urllib.parse import unquote, urlsplit

from accounts.platforms import rules
from accounts.platforms.errors import PlatformError, Unknown
from accounts.platforms.http import Answer, bearer, dig_text, unclear_is_unknown
from accounts.platforms.limits import Allowance, Issue, Limits, with_number
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

LISTING_LAG = "listing_lag_seconds"
"""The name of the listing lag among the network's limits, for the operator."""


class Request(TypedDict, total=False):
    """The parts of a request beside its method and address, each of which may be left out."""

    headers: Mapping[str, str]
    params: Mapping[str, Any] | Sequence[tuple[str, str]]
    data: Mapping[str, Any] | bytes | BinaryIO
    json: Any
    files: Mapping[str, tuple[str, bytes | BinaryIO, str]]
    """Open files, here or as `data`, are sent from their position to their end, and never held in memory whole."""
    timeout: float
    """Seconds for the whole call by our own clock; otherwise 30."""
    max_bytes: int
    """The length of the longest answer that is read; otherwise a million bytes."""


class Session(Protocol):
    """The only way to call a network. `accounts/session.py` implements it over `ouipost/outbound`."""

    def request(self, method: str, url: str, **request: Unpack[Request]) -> Answer:
        """Send one request and return its answer, whatever its status; no retries, no redirects, no cookies.

        Raises Unavailable if the request certainly did not leave (for the operator to fix if the address guard forbids
        it), Unknown if it left and the answer was lost.
        """

    def to_others(self) -> "Session":
        """Return a session for calls to third parties, whose answers do not count for the network's health."""


class Save(Protocol):
    """Stores the handles of an operation durably."""

    def __call__(self, handles: Handles, *, seconds: float = 0) -> None:
        """Keep these handles; `seconds` is how long the next call may take, if that is more than a minute."""


class Platform:
    """A network's facts."""

    id: ClassVar[str]
    name: ClassVar[str]
    account_types: ClassVar[tuple[str, ...]]
    scopes: tuple[str, ...]
    """Scopes to ask for at sign-in; all are needed. May depend on the app's product."""
    scopes_to_post: tuple[str, ...] = ()
    """Of these scopes, one is needed to post; empty: people cannot leave any out."""
    scopes_to_reply: tuple[str, ...] = ()
    """Of these scopes, one is needed to reply to a post of one's own."""
    username_prefix: ClassVar[str] = ""
    """The sign before a username that is shown to people."""
    post_hosts: ClassVar[tuple[str, ...]] = ()
    """Hosts that show its posts, with their subdomains; the usual one first. Empty: any host."""
    post_address: ClassVar[str] = ""
    """Regular expression for the address of a post from the host on, with a `?` after the path; its group is the post's
    id. Empty: addresses do not hold it."""
    limits: Limits
    """The limits of a usual post."""
    other_types: Mapping[str, Limits] = {}
    """The limits of each other `post_type`: story, reel, short, document."""
    raised: Mapping[str, Limits] = {}
    """The limits of accounts that may do more than others, by a word for them."""
    metrics: ClassVar[tuple[str, ...]]
    metrics_batch: ClassVar[int] = 1
    """The number of posts that `post_metrics` takes at once."""
    read_budget: ClassVar[Allowance | None] = None
    """Limit of reading numbers; None: not known to be limited. The operator's `<NETWORK>_READ_BUDGET` wins."""
    read_budgets: ClassVar[Mapping[str, Allowance]] = {}
    """The read budget of an app that is registered for another product, by that."""
    pace: ClassVar[Allowance | None] = None
    """Pace of posting; None: its quota is not documented, or never reached. The operator's `<NETWORK>_PACE` wins."""
    paces: ClassVar[Mapping[str, Allowance]] = {}
    """The pace of an app that is registered for another product, by that."""
    replies_use_pace: ClassVar[bool] = True
    """Whether the pace's quota also counts replies: the further parts of a thread, or first comments."""
    supports_carousel: ClassVar[bool] = False
    supports_stories: ClassVar[bool] = False
    max_video_duration: ClassVar[int]
    """The duration that the API reference shows; `limits` has the exact rule in seconds."""
    products: ClassVar[tuple[str, ...]] = ()
    """Values of the operator's `<NETWORK>_PRODUCT`: other products than the usual one that an app can be registered
    for, or that the app is not audited."""
    widest_product: ClassVar[str] = ""
    """The product that lets an app do most, which the sandbox's app is registered for."""
    default_version: ClassVar[str] = ""
    """Version of the network's API; the operator's `<NETWORK>_API_VERSION` wins."""
    versions_end: ClassVar[Mapping[str, date]] = {}
    """The day on which each version ends, if the network has announced it."""

    def __init__(self, app: App) -> None:
        self.app = app
        if app.limits:
            self._take_over(app.limits)

    @classmethod
    def handle(cls, username: str) -> str:
        """Return the username as people see it; empty if there is none."""
        return f"{cls.username_prefix}{username}" if username else ""

    @classmethod
    def shows_posts_at(cls, host: str) -> bool:
        """Whether people may see posts of this network at a host."""
        return not cls.post_hosts or f".{host}".endswith(tuple(f".{each}" for each in cls.post_hosts))

    def is_of_this_product(self, metadata: Mapping[str, Any]) -> bool:
        """Whether an account with this metadata was connected with the product that the app has now."""
        return True

    def _take_over(self, numbers: Mapping[str, float]) -> None:
        """Apply the operator's limits; raises KeyError for an unknown limit, ValueError for a wrong number."""
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
    """Whether accounts may be on self-hosted servers, whose failures do not count for the network."""

    @classmethod
    def server_of(cls, account: Mapping[str, Any]) -> str:
        """Return the host of the self-hosted server of an account with this metadata, empty for the network's own."""
        return ""

    def limits_of(self, post_type: str, account: Mapping[str, Any] | None = None) -> Limits:
        """Return the limits of a post of this type, or those of a usual post if the network has no such type.

        The account's metadata may raise them, if the network lets some accounts do more.
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
    """The way to find out the outcome of a call whose answer was lost."""

    KEY = "key"
    """Send the same again: the network knows our key and keeps one copy. If it is too late for that, search."""
    HANDLE = "handle"
    """Ask for the state of the handle stored before the call: one answer is enough, and the same may be sent again. If
    the network has forgotten the handle, search as for LOOK."""
    LOOK = "look"
    """Search the account's recent posts; send again only after it was absent twice."""
    PARK = "park"
    """The outcome cannot be found out: a person must look."""


class Connector(Platform):
    """A network that can be connected: sign-in, publishing, recovery."""

    recovery: ClassVar[Recovery] = Recovery.PARK
    handles_are_proof: ClassVar[bool] = False
    """Whether the handles surely show a post that a person overlooked, so that they outlive its being called absent."""
    listing_lag: float = 0
    """Seconds until a new post is surely in the account's own list; the operator's `listing_lag_seconds` wins."""
    link_beside_text: ClassVar[bool] = False
    """Whether a post without media takes its link in a field of its own."""
    link_beside_files: ClassVar[bool] = False
    """Whether a post with media takes its link in a field of its own."""
    needs_app: ClassVar[bool] = True
    uses_pkce: ClassVar[bool] = False
    redirect_may_have_query: ClassVar[bool] = True
    """Whether the network accepts a callback address with a query."""
    renews_itself: ClassVar[bool] = False
    """Whether a token is its own refresh token, so that nothing can renew an ended one."""
    revokes_everywhere: ClassVar[bool] = False
    """Whether revoking an account's tokens also ends those that the app got by other sign-ins to it."""
    shares_grants_with: ClassVar[tuple[str, ...]] = ()
    """Other networks at which the same app, and so the same person's grant, may be in use."""
    other_scopes_end_tokens: ClassVar[bool] = False
    """Whether a sign-in with other scopes ends the tokens of the person's earlier ones; `user_id` in the metadata of
    their accounts is the person."""
    pulls_media: ClassVar[tuple[str, ...]] = ()
    """The types of files that the network fetches from our public address, which it must be able to reach."""
    api: ClassVar[str] = ""
    """The base address of its calls, if they share one; may hold `{version}`."""
    nothing_opened: str = Phrase("The sign-in gave access to no account that can be published to: grant at least one.")
    """Message to the person if a sign-in gave no account, with the possible reasons."""

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
        """Return the limits of this content, if they also depend on its files."""
        return self.limits_of(content.post_type, account)

    def validate(self, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        """Return all issues of this content at the network, from the limits and the account's metadata alone.

        The metadata is empty for an account that is yet to be connected.
        """
        limits = self.limits_for(content, account)
        in_limits = rules.check(self.as_shown(content), limits, account)
        return [*in_limits, *self.beside_the_limits(content, limits, account)]

    def as_shown(self, content: Content) -> Content:
        """Return the content with its text as the network shows and counts it."""
        return content

    def beside_the_limits(self, content: Content, limits: Limits, account: Mapping[str, Any]) -> Iterable[Issue]:
        """Yield issues that the limits cannot express, about content that the network would refuse or change."""
        return ()

    def shows_title(self, content: Content) -> bool:
        """Whether the network receives and shows the title of this post."""
        return self.limits_of(content.post_type).max_title_characters is not None

    @property
    def has_titles(self) -> bool:
        """Whether posts of any type have a title at this network."""
        return any(self.limits_of(name).max_title_characters is not None for name in self.post_types)

    def recovery_of(self, operation: Operation) -> Recovery:
        """Return how a lost answer to this operation is cleared up."""
        return self.recovery

    def lists(self, operation: Operation) -> bool:
        """Whether `recover` can find this call among the account's posts without its handles, as after a restore."""
        return self.recovery_of(replace(operation, handles={})) == Recovery.LOOK

    def prepare(self, session: Session, operation: Operation, save: "Save") -> Handles:
        """Do every invisible step that is not in `operation.handles` yet, and return all handles.

        `save` stores the handles so far durably; it is called after each step that is too costly to repeat. Raises
        StillWorking while the network works on a file.
        """
        raise NotImplementedError

    def commit(self, session: Session, operation: Operation) -> Published:
        """Make the post, or the reply, visible with one call.

        Raises Unknown whenever the network may have done it, and StillWorking if it has taken the post but does not
        show it yet.
        """
        raise NotImplementedError

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        """Return the posts on the network that can be this operation's: none, one, or several.

        Raises StillWorking while the network has the post but does not show it, ProcessingFailed if it gave the post
        up, and NotListed if the handle is gone and a search found nothing.
        """
        raise NotImplementedError

    def may_send_again(self, operation: Operation) -> bool:
        """Whether a post that was not found may be sent again; otherwise it is looked for until the time is over."""
        return True

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        """Return the numbers of at most `metrics_batch` posts; deleted posts are left out."""
        found = {each: self.numbers_of(session, account, each, now=now) for each in remote_ids}
        return {remote_id: numbers for remote_id, numbers in found.items() if numbers is not None}

    def numbers_of(self, session: Session, account: Account, remote_id: str, *, now: datetime) -> PostNumbers | None:
        """Return the numbers of one post, None if it is gone; for a network that gives only one at once."""
        raise NotImplementedError

    def listed_id(self, session: Session, account: Account, remote_id: str) -> str:
        """Return the id under which the network lists a post published with this id; empty while it is not listed."""
        return remote_id

    @property
    def may_list_by_other_ids(self) -> bool:
        """Whether `listed_id` can be another id than the given one."""
        return type(self).listed_id is not Connector.listed_id

    def post_id_at(self, url: str, account: Account) -> str:
        """Return the id that the address of a post of this account holds; empty if it holds none."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not self.post_address or not self.shows_posts_at(host):
            return ""
        found = re.match(self.post_address, unquote(f"{host}{parts.path}?{parts.query}"), re.ASCII)
        return found[1] if found else ""

    def permalink(self, session: Session, account: Account, remote_id: str) -> str:
        """Return a post's public address, empty if the network does not give it, or not yet."""
        return ""

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        """Return the account's present numbers."""
        raise NotImplementedError

    def metrics_requests(self, remote_id: str, posts: int) -> int:
        """Return the number of requests for the numbers of `posts` posts of an account; 0 means the account itself."""
        return 1

    def classify(self, answer: Answer) -> PlatformError:
        """Return the error that a refusing answer stands for, by the network's own codes."""
        raise NotImplementedError

    def url(self, path: str) -> str:
        """Return the address of a call."""
        return f"{self.api.format(version=self.version)}/{path}"

    def get(self, session: Session, token: str, path: str, **params: Any) -> Any:
        """Read something with a token, which goes in a header, since addresses are logged."""
        return self.call(session, "GET", self.url(path), headers=bearer(token), params=params)

    def call(self, session: Session, method: str, url: str, **request: Unpack[Request]) -> Any:
        """Send one request and return its decoded answer; raises the error that `classify` gives for a refusal."""
        answer = session.request(method, url, **request)
        if not answer.ok:
            raise self.classify(answer)
        return answer.json() if answer.body else None

    def call_visible(
        self, session: Session, method: str, url: str, *, id_at: Sequence[str], **request: Unpack[Request]
    ) -> str:
        """Send the one call that makes a post visible and return its id, found at `id_at`.

        Only a definite refusal keeps its error. A plain Unavailable would be sent again although the network may have
        made the post, so it is raised as Unknown, and so is an answer without an id.
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
    """A person's entries on our own sign-in page, for a network that has no consent page for apps."""

    identifier: str
    password: str = field(repr=False)
    service: str = ""


class PasswordConnector(Connector):
    """A network that signs in with an app password, on a page of ours."""

    needs_app = False
    identifier_example: ClassVar[str] = ""
    """Hint in the field of our sign-in page; empty: no hint."""
    password_example: ClassVar[str] = ""
    service_example: ClassVar[str] = ""

    def sign_in(self, session: Session, credentials: SignIn, *, now: datetime) -> list[Candidate]:
        """Return the accounts of these credentials; raises Rejected, with a message for the person, if refused."""
        raise NotImplementedError

    def is_theirs(
        self, session: Session, candidate: Candidate, credentials: SignIn, *, known: Mapping[str, Any]
    ) -> bool:
        """Whether the candidate is the account with the metadata `known`: the named server may lie about that."""
        return True
