"""Nothing that the validator passes is refused by a network for its content: texts, files and options of any kind."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import platforms, registry
from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.errors import StillWorking
from accounts.platforms.limits import Option
from accounts.platforms.shapes import Media, Operation, Published
from adminapi.management.client import Client
from ouipost.claims import database_now
from ouipost.simulator import clock
from ouipost.simulator import models as networks
from posts.content import compose
from posts.media import files
from posts.models import Post
from posts.rules import Networks, issues_of, passes
from tests.conftest import ApiClient
from tests.factories import make_post
from tests.in_process import BASE, in_process
from tests.networks.kinds import DOCUMENT, MOVING, NEEDED, OTHER, SQUARE, UPRIGHT
from tests.networks.meddling import add_files
from tests.posts.media.clips import clip
from tests.posts.media.pictures import picture
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database, pytest.mark.thorough]

NETWORKS = [platform.id for platform in platforms.ALL]
POOL = (
    SQUARE,
    OTHER,
    MOVING,
    UPRIGHT,
    DOCUMENT,
    partial(picture, "WEBP", size=(500, 100)),
    partial(picture, "JPEG", size=(300, 900)),
    partial(clip, seconds=2, size=(640, 360)),
    partial(clip, "mov", seconds=4, size=(400, 400), fps=30),
    partial(clip, "webm", codec="libvpx-vp9", seconds=4, size=(240, 432), fps=24),
    partial(clip, seconds=4, size=(400, 400), pixel_ratio=Fraction(16, 9)),
    partial(clip, seconds=4, size=(720, 1280), fps=30, pixels="yuv444p"),
)
OF_THREE_SIZES = (0, 5, 6)
FILES = st.integers(0, len(POOL) - 1)
TYPES = ("feed", "story", "reel", "short", "document")
FOLLOWS, OF_THE_ACCOUNT = ("first_comment", "thread"), ("board_id", "board_section_id")
FAMILY = "👨‍👩‍👧‍👦"
WORDS = st.sampled_from(
    [
        *("bread", "Brötchen", "麵包", "хлеб", "e\u0301clair", FAMILY, "🇫🇷", "1️⃣", "❤️", "…", "“so”", "R&B", "<b>"),
        *("$RYE", "#rye", "#麵包", "@alice", "@alice.bsky.social", "bob@bread.com", "a|b*c_d~e", "1.5", "e.g."),
        *(
            "bread.com",
            "www.bread.co.uk/rye",
            "bread.com.Then",
            "node.js",
            "http://bread.com",
            "https://bread.com/brötchen",
        ),
        *("(https://bread.com/a_(b)?c=d&e=f#g)", "https://münchen.de/хлеб", "https://bread.example/not-a-link-for-x"),
        *("https://sub_domain.bread.com:8080/", f"https://bread.com/{'x' * 200}"),
    ]
)
GLUE = st.sampled_from(["", " ", "\n", "\n\n", ", ", ". ", "! ", " — ", "… "])
SHOWN_AS_SENT = ("bluesky", "facebook", "twitter")
MOST_POLLS = 20
PROCESSING_SECONDS = 3


@st.composite
def texts(draw: st.DrawFn, most: int = 5_200) -> str:
    """A text of anything, sometimes as long as networks take."""
    words = "".join(word + glue for word, glue in draw(st.lists(st.tuples(WORDS, GLUE), max_size=8)))
    filler = draw(st.sampled_from(["x", "é", "字", FAMILY]))
    edges = st.sampled_from([280, 300, 500, 800, 2200, 3000, 5000, most])
    count = draw(st.one_of(st.integers(0, 60), st.integers(0, 60), edges))
    return (words + filler * max(0, count - len(words)))[:most]


def values_of(option: Option) -> st.SearchStrategy[Any]:
    """Values of an option's kind, whether or not the network takes them."""
    words = st.one_of(texts(120), st.sampled_from(["en", "fr-CA", "zh-Hant-TW", "https://bread.com/rye", "bread.com"]))
    if option.choices:
        return st.sampled_from(option.choices)
    match option.kind:
        case "flag":
            return st.booleans()
        case "integer":
            return st.one_of(st.integers(-1, 5), st.integers(0, 6_000))
        case "texts":
            return st.lists(words, max_size=5)
    return words


@st.composite
def contents(draw: st.DrawFn, network: str) -> dict[str, Any]:
    """A post of any kind: what it says, which files it has, and what is asked of the network."""
    limits = platforms.BY_ID[network].limits
    own = {each.name: values_of(each) for each in limits.options if each.name not in (*FOLLOWS, *OF_THE_ACCOUNT)}
    options: dict[str, Any] = draw(st.one_of(st.just({}), st.fixed_dictionaries({}, optional=own)))
    options |= draw(st.fixed_dictionaries({}, optional={"post_type": st.sampled_from(TYPES)}))
    options |= draw(st.fixed_dictionaries({}, optional={"first_comment": texts(1300)}))
    if draw(st.integers(0, 4)) == 0:
        options["thread"] = draw(st.lists(texts(600), max_size=3))
    return {
        "content": draw(texts()),
        "title": draw(st.one_of(st.sampled_from(["", "Bread", "Bread"]), texts(110))),
        "link": draw(st.sampled_from(["", "", "https://bread.com/rye", "http://bakery/"])),
        "files": draw(st.one_of(st.just([]), st.tuples(FILES).map(list), st.lists(FILES, max_size=5))),
        "alt_text": draw(st.one_of(st.just(""), texts(1100))),
        "options": options,
    }


@pytest.fixture
def client(api: ApiClient, files_stay: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with in_process(monkeypatch):
        yield Client(BASE, api_key=api.headers["X-API-Key"], workspace_id=api.headers["X-Workspace-ID"])


@pytest.mark.parametrize("network", NETWORKS)
def test_what_passes_is_taken(client: Client, api: ApiClient, workspace: Workspace, network: str) -> None:
    client.connect(network)
    account = SocialAccount.objects.select_related("workspace").get()
    pool = _upload(api, workspace, account)
    taken = 0

    @settings(max_examples=60, database=None, suppress_health_check=list(HealthCheck))
    @given(contents(network))
    def publish(values: dict[str, Any]) -> None:
        nonlocal taken
        taken += 1
        _publish(account, pool, values)

    plain = {"content": "Bread", "title": "Bread", "link": "", "alt_text": "", "options": {}}
    assert any(_publish(account, pool, plain | {"files": [number]}) for number in (0, 3))
    assert _publish(account, pool, plain | {"files": OF_THREE_SIZES}) is (network != "youtube")
    publish()

    assert taken > 40


def _upload(api: ApiClient, workspace: Workspace, account: SocialAccount) -> Sequence[Media]:
    post = make_post(workspace, accounts=[account])
    add_files(api, post, POOL)
    return files.as_content(post)


def _publish(account: SocialAccount, pool: Sequence[Media], values: dict[str, Any]) -> bool:
    """Send the post straight to its network where it passes, and return whether it did."""
    connector = registry.connector(account.platform, account.workspace)
    options = dict(NEEDED.get(account.platform, {})) | _known(connector, values["options"])
    if boards := account.metadata.get("boards"):
        options["board_id"] = boards[0]["id"]
    told = {name: values[name] for name in ("content", "title", "link")}
    post = Post(workspace=account.workspace, platform_content={account.platform: {"options": options}}, **told)
    media = [replace(pool[number], alt_text=values["alt_text"]) for number in dict.fromkeys(values["files"])]
    content = compose(post, account, connector, media)
    if not passes(issues_of(account, content, post=post, networks=Networks())):
        return False
    for model in (networks.Post, networks.Media, networks.Piece, networks.Counter, networks.Clock):
        model._default_manager.all().delete()  # the same again, or too much in a day, would be refused for that
    operation = Operation(content=content, account=account.unseal(), now=database_now())
    out = [_send(connector, account, operation)]
    if account.platform in SHOWN_AS_SENT:
        assert networks.Post.objects.get().text == ("" if content.post_type == "story" else content.text.strip())
    for _ in content.replies:
        out.append(_send(connector, account, replace(operation, out=tuple(out), handles={})))
    return True


def _known(connector: Connector, options: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the API would not take for this network: an unknown option is a 400."""
    return {name: value for name, value in options.items() if name in connector.option_kinds()}


def _send(connector: Connector, account: SocialAccount, operation: Operation) -> Published:
    """Go all the way with one visible call, asking again as often as the network works on it."""
    session = registry.session(account.platform, account.workspace)
    kept = dict(operation.handles)

    def save(handles: Any, *, seconds: float = 0) -> None:
        kept.update(handles)

    for _ in range(MOST_POLLS):
        try:
            kept = dict(connector.prepare(session, replace(operation, handles=kept), save))
            break
        except StillWorking:
            clock.advance(PROCESSING_SECONDS)
    armed = replace(operation, handles=kept, armed_at=operation.now)
    try:
        return connector.commit(session, armed)
    except StillWorking as working:
        armed = replace(armed, handles=kept if working.handles is None else working.handles)
    for _ in range(MOST_POLLS):
        try:
            [published] = connector.recover(session, armed)
            return published
        except StillWorking:
            clock.advance(PROCESSING_SECONDS)
    raise AssertionError("It is never shown.")
