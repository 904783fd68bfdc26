"""Each account gets one text: the post, what is said differently for it, the link and the hashtags."""

import re
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import registry
from accounts.models import SocialAccount
from accounts.platforms.shapes import Content, Media
from posts.content import compose, default_hashtags, final_text, overrides
from posts.models import Post
from tests.networks.platform_case import make_image
from workspaces.hashtags import SIGNS, normal_hashtags
from workspaces.models import Workspace

WORDS = st.text(alphabet="abcÄß #é1_-", max_size=12)
TAGS = st.lists(st.text(alphabet="abcABCÄß#1_ ", max_size=6), max_size=8)


def make_page(platform: str = "facebook", *, workspace: dict[str, Any] | None = None, **settings: Any) -> SocialAccount:
    return SocialAccount(
        pk="acc_1", platform=platform, workspace=Workspace(settings=workspace or {}), settings=settings, name="Page"
    )


def composed(post: Post, account: SocialAccount, *media: Media) -> Content:
    return compose(post, account, registry.get(account.platform), media)


def test_without_overrides_an_account_gets_the_post() -> None:
    post = Post(content="Fresh bread", title="Bread", hashtags=["#food"])

    content = composed(post, make_page())

    assert (content.text, content.title, content.options) == ("Fresh bread\n\n#food", "Bread", {})


def test_images_that_share_a_call_are_made_to_share_what_fits_into_it() -> None:
    account = make_page("pinterest")
    heavy, light = (make_image(size=size, width=4000, height=3000) for size in (5_000_000, 2_000_000))

    assert composed(Post(), account, heavy).media == (heavy,)
    assert composed(Post(), account, *[light] * 5).media == (light,) * 5
    five = composed(Post(), account, heavy, *[light] * 4).media
    assert {(each.width, each.height, each.size) for each in five} == {(1500, 1125, 2_000_000)}
    assert five[0].converted == "compressed to 2,000,000 bytes, made smaller"


def test_an_accounts_word_wins_over_its_networks_and_that_over_the_posts() -> None:
    post = Post(content="all", title="all", link="https://all.example/", hashtags=["#all"])
    post.platform_content = {
        "facebook": {"content": "network", "title": "network", "options": {"post_type": "feed"}},
        "acc_1": {"content": "account", "hashtags": ["#account"]},
        "twitter": {"content": "another network"},
        "acc_2": {"content": "another account"},
    }

    merged = overrides(post.platform_content, make_page())
    content = composed(post, make_page())

    assert merged == {
        "content": "account",
        "title": "network",
        "hashtags": ["#account"],
        "options": {"post_type": "feed"},
    }
    assert (content.text, content.title) == ("account\n\n#account", "network")
    assert content.options == {"post_type": "feed"}


def test_an_override_may_empty_what_the_post_says() -> None:
    post = Post(content="Bread", link="https://bread.example/", hashtags=["#food"])
    post.platform_content = {"twitter": {"link": "", "hashtags": []}}

    assert composed(post, make_page("twitter")).text == "Bread"


def test_a_link_goes_beside_the_text_where_the_network_takes_one_and_there_are_no_files() -> None:
    post = Post(content="Bread", link="https://bread.example/")

    beside = composed(post, make_page("facebook"))
    within = composed(post, make_page("facebook"), make_image("one"))
    never_beside = composed(post, make_page("twitter"))

    assert (beside.text, beside.link) == ("Bread", "https://bread.example/")
    assert (within.text, within.link) == ("Bread\n\nhttps://bread.example/", "")
    assert (never_beside.text, never_beside.link) == ("Bread\n\nhttps://bread.example/", "")


@pytest.mark.parametrize(
    ("text", "link", "tags", "expected"),
    [
        ("Bread", "", [], "Bread"),
        (" Bread \n", "", ["food"], "Bread\n\n#food"),
        ("Bread", "https://b.example/a", ["#one", "two"], "Bread\n\nhttps://b.example/a\n\n#one #two"),
        ("", "https://b.example/a", [], "https://b.example/a"),
        ("See https://b.example/a.", "https://b.example/a", [], "See https://b.example/a."),
        ("(https://b.example/a)", "https://b.example/a", [], "(https://b.example/a)"),
        ("See https://b.example/abc", "https://b.example/a", [], "See https://b.example/abc\n\nhttps://b.example/a"),
        (
            "See https://b.example/a?x=1",
            "https://b.example/a",
            [],
            "See https://b.example/a?x=1\n\nhttps://b.example/a",
        ),
        ("I like #Food", "", ["food", "new"], "I like #Food\n\n#new"),
        ("I like #foodies", "", ["food"], "I like #foodies\n\n#food"),
        ("x#food", "", ["food"], "x#food\n\n#food"),
        ("#STRASSE", "", ["straße"], "#STRASSE"),
        ("Bread", "", ["Food", "food", "#FOOD", "", " # "], "Bread\n\n#Food"),
        ("看https://b.example/a。好", "https://b.example/a", [], "看https://b.example/a。好"),
        (
            "\uff08https://b.example/a\uff09好\uff0c",
            "https://b.example/a",
            [],
            "\uff08https://b.example/a\uff09好\uff0c",
        ),
        ("Fresh: https://b.example/a…", "https://b.example/a", [], "Fresh: https://b.example/a…"),
        ("新しいhttps://b.example/a?。", "https://b.example/a", [], "新しいhttps://b.example/a?。"),
        ("https://b.example/aé", "https://b.example/a", [], "https://b.example/aé\n\nhttps://b.example/a"),
        ("https://b.example/aे", "https://b.example/a", [], "https://b.example/aे\n\nhttps://b.example/a"),
        ("#हिन्दी", "", ["हिन्द"], "#हिन्दी\n\n#हिन्द"),
        ("#อาหารดี", "", ["อาหารด"], "#อาหารดี\n\n#อาหารด"),
        ("#كتابٌ", "", ["كتاب"], "#كتابٌ\n\n#كتاب"),
        ("रोटी#food", "", ["food"], "रोटी#food\n\n#food"),
        ("#خوب\u200cتر", "", ["خوب"], "#خوب\u200cتر\n\n#خوب"),
        ("#東京・大阪", "", ["東京"], "#東京・大阪\n\n#東京"),
        ("#東京・", "", ["東京"], "#東京・"),
        ("❤\ufe0f#food 1\ufe0f\u20e3#new", "", ["food", "new"], "❤\ufe0f#food 1\ufe0f\u20e3#new"),
        ("Bread \uff03Food", "", ["food", "\uff03new", "#\uff03New", "\uff03"], "Bread \uff03Food\n\n#new"),
        *[
            (f"{start}{address}{end}", "", ["food"], f"{start}{address}{end}\n\n#food")
            for start, end in [("", ""), ("See ", " today."), ("(", ")"), ("看", "。好"), ("[menu](", ")")]
            for address in [
                "https://b.example/#food",
                "https://b.example/a/#food",
                "https://b.example/?#food",
                "https://b.example/a_(b)#food",
                "HTTP://localhost:8000/#Food",
                "b.example/#food",
                "www.b.example/a/?x=1&#food",
            ]
        ],
        ("...b.example/#food", "", ["food"], "...b.example/#food\n\n#food"),
        ("https://b.example/\uff03food", "", ["food"], "https://b.example/\uff03food\n\n#food"),
        ("https://b.example/#food #food", "", ["food"], "https://b.example/#food #food"),
        ("(https://b.example/a)#food", "", ["food"], "(https://b.example/a)#food"),
        ("看https://b.example/a。#food", "", ["food"], "看https://b.example/a。#food"),
        ("Bread/#food, 1.50/#new", "", ["food", "new"], "Bread/#food, 1.50/#new"),
        *[
            (f"{start}https://b.example/a", "https://b.example/a", [], f"{start}https://b.example/a{end}")
            for end, starts in {
                "": [
                    "See\n",
                    "(",
                    "[menu](",
                    "[b.example/a](",
                    "<",
                    "Menu:",
                    "Menu\u2026",
                    "c.example ",
                    "c.example/ ",
                ],
                "\n\nhttps://b.example/a": [
                    "https://web.archive.org/web/2026/",
                    "web.archive.org/web/2026/",
                    "https://c.example/?u=",
                    "https://c.example/x_(y)/",
                    "x",
                ],
            }.items()
            for start in starts
        ],
        (
            "https://c.example/https://b.example/a https://b.example/a.",
            "https://b.example/a",
            [],
            "https://c.example/https://b.example/a https://b.example/a.",
        ),
    ],
)
def test_the_final_text_has_what_is_not_yet_in_it(text: str, link: str, tags: list[str], expected: str) -> None:
    assert final_text(text, link=link, hashtags=tags) == expected


@given(text=WORDS, tags=TAGS)
def test_making_the_text_final_again_changes_nothing(text: str, tags: list[str]) -> None:
    once = final_text(text, link="https://b.example/a", hashtags=tags)

    assert final_text(once, link="https://b.example/a", hashtags=tags) == once
    assert once.startswith(text.strip())


def is_in(text: str, tag: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(tag.casefold())}(?!\w)", text.casefold().replace("\uff03", "#")) is not None


@given(text=WORDS, tags=TAGS)
def test_a_tag_is_added_where_it_is_no_word_of_its_own_in_the_text(text: str, tags: list[str]) -> None:
    missing = [tag for tag in normal_hashtags(tags) if not is_in(text, tag)]

    assert final_text(text, link="", hashtags=tags) == "\n\n".join(filter(None, [text.strip(), " ".join(missing)]))


def seconds_of(work: Callable[[], object]) -> float:
    started = process_time()
    for _ in range(5):
        work()
    return process_time() - started


@pytest.mark.parametrize(
    "text",
    [
        "ß" * 100_000,
        "x#tag" * 20_000,
        "x#" + "#".join(f"tag{n}x" for n in range(9_000)),
        "b.b." * 25_000,
        "https://b.example/((" * 5_000,
    ],
)
def test_a_long_text_is_searched_for_many_tags_in_less_than_half_the_time_of_a_pattern(text: str) -> None:
    tags = normal_hashtags(f"tag{n}" for n in range(100))

    searched = seconds_of(lambda: final_text(text, link="https://b.example/a", hashtags=tags))

    assert searched < seconds_of(lambda: [is_in(text, tag) for tag in tags]) / 2


@given(tags=TAGS)
def test_normal_hashtags_are_the_first_of_each_in_order_with_one_sign(tags: list[str]) -> None:
    normal = normal_hashtags(tags)

    folded = [tag.casefold() for tag in normal]
    first_seen = list(
        dict.fromkeys(f"#{tag.strip().lstrip(SIGNS)}".casefold() for tag in tags if tag.strip(f" {SIGNS}"))
    )
    assert normal_hashtags(normal) == normal
    assert [len(tag) - len(tag.lstrip("#")) for tag in normal] == [1] * len(normal)
    assert folded == [tag for tag in first_seen if tag in folded]
    assert len(set(folded)) == len(folded)


@pytest.mark.parametrize(
    ("workspace", "account", "expected"),
    [
        ({"default_hashtags": ["#bread"]}, {}, []),
        ({"default_hashtags": ["#bread"], "auto_hashtags": True}, {}, ["#bread"]),
        ({"default_hashtags": ["#bread"], "auto_hashtags": True}, {"auto_hashtags": False}, []),
        ({"default_hashtags": ["#bread"]}, {"auto_hashtags": True}, ["#bread"]),
        ({"default_hashtags": ["#bread"], "auto_hashtags": True}, {"default_hashtags": ["#own"]}, ["#own"]),
        ({"auto_hashtags": True}, {}, []),
    ],
)
def test_default_hashtags_come_where_they_are_switched_on(
    workspace: dict[str, Any], account: dict[str, Any], expected: list[str]
) -> None:
    assert default_hashtags(workspace, account) == expected


def test_default_hashtags_follow_the_posts_own() -> None:
    account = make_page(workspace={"auto_hashtags": True, "default_hashtags": ["#bread", "#Food"]})

    content = composed(Post(content="Rolls", hashtags=["#food"]), account)

    assert content.text == "Rolls\n\n#food #bread"


def test_files_are_made_fit_for_the_network() -> None:
    heavy = make_image("one", mime_type="image/gif", size=9_000_000)

    [media] = composed(Post(content="Rolls"), make_page("bluesky"), heavy).media

    assert (media.mime_type, media.size) == ("image/jpeg", 1_000_000)
