"""What crosses the line between a network and the rest of the product: frozen, and never a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

CLOCKS_DIFFER = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class App:
    """This installation's registration at a network."""

    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    version: str = ""
    product: str = ""
    """Which of a network's products it is registered for, where that decides what it may do; empty: the usual one."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """What this installation knows better of the network's limits: by field, or by type of post and field."""


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
    """The name, picture and followers of an account, as its network tells them."""

    name: str
    username: str = ""
    profile_image: str = ""
    followers: int | None = None
    following: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What this reading adds to the account's metadata, or changes in it."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One account that a sign-in opened, with the tokens to act for it."""

    remote_id: str
    type: str
    profile: Profile
    tokens: Tokens
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What it knows beside what its profile adds."""


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
    """How long a video runs."""
    fps: float = 0
    video_codec: str = ""
    """h264, hevc, vp8, vp9, av1, … as FFmpeg names them."""
    audio_codec: str = ""
    """Empty: no sound."""
    sample_rate: int = 0
    """Of the sound, in hertz; 0: not known."""
    channels: int = 0
    """Of the sound; 0: not known."""
    chroma: str = ""
    """How finely a video keeps its colours: 4:2:0, 4:2:2 or 4:4:4; empty: not known."""
    pages: int = 0
    """Of a document; 0: not known."""
    frames: int = 1
    """Of an image; more than one move."""
    alt_text: str = ""
    filename: str = ""
    converted: str = ""
    """What was done to make it fit the network, in words; empty: nothing."""
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)
    pull_url: Callable[[], str] = field(default=str, repr=False, compare=False)
    """Gives a signed address that is good for 24 h: for networks that pull. Opens nothing in the network's name."""
    _held: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def animated(self) -> bool:
        return self.frames > 1

    @property
    def ratio(self) -> float:
        """Return width by height, 0 where they are not known."""
        return self.width / self.height if self.height else 0

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()

    def hold(self) -> bytes:
        """Return the bytes, which are read once and then held in memory: before a visible call that takes them."""
        if not self._held:
            self._held.append(self.read())
        return self._held[0]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one account is to publish."""

    text: str
    """Final: link (where it belongs in the text) and hashtags are in it."""
    title: str = ""
    link: str = ""
    """Set only where the network takes a link beside the text."""
    media: tuple[Media, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """As the caller gave them, `post_type`, `thread` and `first_comment` among them."""

    @property
    def post_type(self) -> str:
        return str(self.options.get("post_type", FEED))

    @property
    def video(self) -> Media | None:
        """Return the post's video, None where it has none; no network takes two, but in a carousel."""
        return next((each for each in self.media if each.type == "video"), None)

    @property
    def replies(self) -> tuple["Reply", ...]:
        """Return what follows the post, in order: the rest of a thread, then the first comment."""
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
"""What must be remembered between the steps of one publish, as JSON: media ids, a chosen record key, the record."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The network has it."""

    remote_id: str
    url: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else replies to it need, as JSON."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One visible call for one account, across all its attempts: the post, or one of its replies."""

    content: Content
    account: Account
    handles: Handles = field(default_factory=dict)
    """Of this call alone."""
    now: datetime
    armed_at: datetime | None = None
    """When the visible call was first allowed to start; None before that."""
    out: tuple[Published, ...] = ()
    """The post and those of its replies that are published already."""

    @property
    def began_at(self) -> datetime:
        """When the visible call was first allowed to start, now where it was not yet: no copy of it is older."""
        return self.armed_at or self.now

    def begun_again(self, noted: str) -> datetime:
        """When it was begun, or once more by the time in this handle: a person may have had it sent anew."""
        again_at = self.handles.get(noted)
        return max(self.began_at, datetime.fromisoformat(again_at)) if again_at else self.began_at

    @property
    def waited(self) -> float:
        """Return for how many seconds the network may have had it."""
        return (self.now - self.began_at).total_seconds()

    @property
    def since(self) -> datetime:
        """From when on a copy of it can be dated, by a network whose clock is a little behind ours."""
        return self.began_at - CLOCKS_DIFFER

    @property
    def reply(self) -> Reply | None:
        """Return the reply that this operation is about, None for the post itself."""
        return self.content.replies[len(self.out) - 1] if self.out else None

    @property
    def text(self) -> str:
        """Return the text of what this operation is about: of the reply, else of the post."""
        return self.reply.text if self.reply else self.content.text

    @property
    def root(self) -> Published:
        """Return the post that a reply belongs to."""
        return self.out[0]

    @property
    def parent(self) -> Published:
        """Return what a reply answers: the part of the thread before it; for a comment the post."""
        return self.out[0] if self.reply is None or self.reply.is_comment else self.out[-1]


@dataclass(frozen=True, kw_only=True)
class PostNumbers:
    """The numbers of a post so far; None: the network does not tell."""

    impressions: int | None = None
    reach: int | None = None
    engagement: int | None = None
    """Reactions, comments, shares and saves together; clicks are not in it."""
    clicks: int | None = None
    own: Mapping[str, int] = field(default_factory=dict)
    """By the network's own names as `Platform.metrics` lists them: likes, retweets, …"""
    published: Published | None = None
    """Given where the post has got another id or address since it was published."""


@dataclass(frozen=True, kw_only=True)
class Demographics:
    """Who follows, in whole percent of those whom the network knows something of; empty where it says nothing."""

    age_groups: Mapping[str, int] = field(default_factory=dict)
    """By 18-24, 25-34, … as the network cuts them."""
    countries: Mapping[str, int] = field(default_factory=dict)
    """By ISO 3166 code."""


@dataclass(frozen=True, kw_only=True)
class AccountNumbers:
    """The numbers of an account; what a network counts by day is that of the last whole day (UTC)."""

    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    impressions: int | None = None
    reach: int | None = None
    engagement: int | None = None
    clicks: int | None = None
    profile_views: int | None = None
    demographics: Demographics = field(default_factory=Demographics)
