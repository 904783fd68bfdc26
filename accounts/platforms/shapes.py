"""Data passed between a network and the rest of the product: frozen dataclasses, never models."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Self

CLOCKS_DIFFER = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class App:
    """This installation's registration at a network."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    version: str = ""
    product: str = ""
    """The network's product that the app is registered for, if there are several; empty: the usual one."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Limits of the network that the operator overrides: by field, or by type of post and field."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The result of a sign-in or a refresh; `refresh_token` and `scopes` are empty if the network sent none."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    access_expires_at: datetime | None = None
    """None: unknown, or never."""
    ends_at: datetime | None = None
    """End of the connection unless a person acts; None: unknown, or never."""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The name, picture and followers of an account at its network."""

    name: str
    username: str = ""
    profile_image: str = ""
    followers: int | None = None
    following: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Metadata of the account that this reading adds or changes."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One account that a sign-in opened, with the tokens to act for it."""

    remote_id: str
    type: str
    profile: Profile
    tokens: Tokens
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Metadata that does not come from the profile."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A connected account as its network knows it."""

    remote_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    username: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    access_expires_at: datetime | None = None
    """None: unknown, or never."""


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
    seconds: float = 0
    """Duration of a video."""
    fps: float = 0
    video_codec: str = ""
    """h264, hevc, vp8, vp9, av1, … as FFmpeg names them."""
    audio_codec: str = ""
    """Codec of the sound; empty: no sound."""
    sample_rate: int = 0
    """Sample rate of the sound in hertz; 0: not known."""
    channels: int = 0
    """Channels of the sound; 0: not known."""
    chroma: str = ""
    """Chroma subsampling of a video: 4:2:0, 4:2:2 or 4:4:4; empty: not known."""
    pages: int = 0
    """Pages of a document; 0: not known."""
    frames: int = 1
    """Frames of an image; an animated one has more than one."""
    alt_text: str = ""
    filename: str = ""
    converted: str = ""
    """Changes made for the network, in words; empty: none."""
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)
    pull_url: Callable[[], str] = field(default=str, repr=False, compare=False)
    """Returns a signed address, valid for 24 h, for networks that fetch files; it authorizes nothing else."""
    _held: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def animated(self) -> bool:
        return self.frames > 1

    @property
    def ratio(self) -> float:
        """Return width by height, 0 if they are not known."""
        return self.width / self.height if self.height else 0

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()

    def hold(self) -> bytes:
        """Return the bytes, read once and then held in memory; called before a visible call that sends them."""
        if not self._held:
            self._held.append(self.read())
        return self._held[0]


@dataclass(frozen=True, kw_only=True)
class Content:
    """The content to publish on one account."""

    text: str
    """The final text, with hashtags, and with the link if it belongs into the text."""
    title: str = ""
    link: str = ""
    """Set only if the network takes a link beside the text."""
    media: tuple[Media, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """The caller's options, with `post_type`, `thread` and `first_comment` among them."""

    @property
    def post_type(self) -> str:
        return str(self.options.get("post_type", FEED))

    @property
    def video(self) -> Media | None:
        """Return the post's video, None if it has none; only a carousel may have several."""
        return next((each for each in self.media if each.type == "video"), None)

    @property
    def replies(self) -> tuple["Reply", ...]:
        """Return the replies to the post, in order: the rest of a thread, then the first comment."""
        thread, comment = self.options.get("thread"), self.options.get("first_comment")
        parts = [text for text in thread if isinstance(text, str)] if isinstance(thread, list) else []
        replies = [Reply(text=text, is_comment=False) for text in parts]
        return (*replies, *([Reply(text=comment, is_comment=True)] if comment and isinstance(comment, str) else []))


FEED = "feed"
"""The `post_type` of a usual post."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One text that the account adds to its own post: the next part of a thread, or the first comment."""

    text: str
    is_comment: bool


Handles = Mapping[str, Any]
"""State kept between the steps of one publish, as JSON: media ids, a chosen record key, the record."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A post that the network has."""

    remote_id: str
    url: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further values that replies to it need, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One visible call for one account, across all its attempts: the post, or one of its replies."""

    content: Content
    account: Account
    handles: Handles = field(default_factory=dict)
    """Handles of this call only."""
    now: datetime
    armed_at: datetime | None = None
    """Time when the visible call was first allowed to start; None before that."""
    out: tuple[Published, ...] = ()
    """The post and its replies that are already published."""

    @property
    def began_at(self) -> datetime:
        """Time when the visible call was first allowed to start, or now; no copy of the post is older."""
        return self.armed_at or self.now

    def begun_again(self, noted: str) -> datetime:
        """Time when it was begun, or begun again by the time in this handle, as after a person's retry."""
        again_at = self.handles.get(noted)
        return max(self.began_at, datetime.fromisoformat(again_at)) if again_at else self.began_at

    @property
    def waited(self) -> float:
        """Return the seconds since the network may have received it."""
        return (self.now - self.began_at).total_seconds()

    @property
    def since(self) -> datetime:
        """Earliest date of a copy of it, by a network whose clock may be a little behind ours."""
        return self.began_at - CLOCKS_DIFFER

    @property
    def reply(self) -> Reply | None:
        """Return the reply that this operation is about, None for the post itself."""
        return self.content.replies[len(self.out) - 1] if self.out else None

    @property
    def text(self) -> str:
        """Return the text of the reply, else of the post."""
        return self.reply.text if self.reply else self.content.text

    @property
    def root(self) -> Published:
        """Return the post that a reply belongs to."""
        return self.out[0]

    @property
    def parent(self) -> Published:
        """Return the post that a reply answers: the part of the thread before it; for a comment the first post."""
        return self.out[0] if self.reply is None or self.reply.is_comment else self.out[-1]


@dataclass(frozen=True, kw_only=True)
class PostNumbers:
    """The numbers of a post so far; None: the network does not give it."""

    impressions: int | None = None
    reach: int | None = None
    engagement: int | None = None
    """Reactions, comments, shares and saves together, without clicks."""
    clicks: int | None = None
    own: Mapping[str, int] = field(default_factory=dict)
    """Numbers by the network's own names in `Platform.metrics`: likes, retweets, …"""
    parts: tuple[str, ...] = field(default=(), compare=False)
    """The names of its own numbers whose sum is the engagement; none if the network gives the sum."""
    published: Published | None = None
    """Set if the post has another id or address than when it was published."""

    @classmethod
    def in_parts(cls, parts: Iterable[str], *, own: Mapping[str, int | None], **others: Any) -> Self:
        """Return numbers whose engagement is the sum of these parts; one that is None was left out by the network."""
        known = {name: count for name, count in own.items() if count is not None}
        return cls(own=known, parts=tuple(parts), **others).after({})

    def after(self, known: Mapping[str, int | None]) -> Self:
        """Return the numbers after this reading; own ones that it left out stay as they were, also in the engagement.

        If it left out all parts of the engagement, this stays None.
        """
        own = {name: count for name, count in {**known, **self.own}.items() if count is not None}
        if not self.own.keys() & set(self.parts):
            return replace(self, own=own)
        return replace(self, own=own, engagement=sum(own.get(name, 0) for name in self.parts))


@dataclass(frozen=True, kw_only=True)
class Demographics:
    """The followers in whole percent of those known to the network; empty if it gives nothing."""

    age_groups: Mapping[str, int] = field(default_factory=dict)
    """Shares by the network's age groups: 18-24, 25-34, …"""
    countries: Mapping[str, int] = field(default_factory=dict)
    """Shares by ISO 3166 code of the country."""


@dataclass(frozen=True, kw_only=True)
class AccountNumbers:
    """The numbers of an account; daily counts are those of the last whole day (UTC)."""

    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    impressions: int | None = None
    reach: int | None = None
    engagement: int | None = None
    clicks: int | None = None
    profile_views: int | None = None
    demographics: Demographics = field(default_factory=Demographics)
