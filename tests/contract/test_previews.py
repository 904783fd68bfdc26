"""GET /api/posts/{id}/preview: what each target gets, and what its network would refuse."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from accounts.models import SocialAccount
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.world import connect_all, create, data_of, error_of, upload
from tests.factories import NOW, make_account, make_media, make_post
from tests.posts.media.pictures import animation, picture
from workspaces.models import Workspace

FUTURE = "2090-02-01T09:00:00Z"


def targets_of(api: ApiClient, post: Post) -> list[dict[str, Any]]:
    targets: list[dict[str, Any]] = data_of(api.get(f"/api/posts/{post.pk}/preview"))["targets"]
    return targets


def rules_of(target: dict[str, Any]) -> list[str]:
    return [issue["rule"] for issue in target["issues"]]


def test_each_target_shows_its_own_text_counted_as_its_network_counts(api: ApiClient, workspace: Workspace) -> None:
    accounts = connect_all(workspace, "facebook", "twitter", "bluesky")
    post = create(
        api,
        content="Pain 👨‍👩‍👧‍👦",
        platforms=["facebook", "twitter", "bluesky"],
        link="https://bread.com/a-long-address-of-a-page",
        hashtags=["rye"],
        platform_content={"bluesky": {"hashtags": [], "options": {"langs": ["fr"]}}},
    )

    shown = targets_of(api, post)

    rows = {target.platform: target.pk for target in post.targets.all()}
    common: dict[str, Any] = {
        "max_length": 63_206,
        "title": None,
        "link": None,
        "options": {},
        "media": [],
        "issues": [],
    }
    beside = {"link": "https://bread.com/a-long-address-of-a-page"}
    facebook, twitter, bluesky = (
        common | {"target_id": rows[account.platform], "account_id": account.pk, "platform": account.platform}
        for account in accounts
    )
    tagged = "Pain 👨‍👩‍👧‍👦\n\n#rye"
    linked = f"Pain 👨‍👩‍👧‍👦\n\n{beside['link']}\n\n#rye"
    assert shown == [
        facebook | beside | {"text": tagged, "length": 18},
        twitter | {"text": linked, "length": 5 + 2 + 2 + 23 + 2 + 4, "max_length": 280},
        bluesky | beside | {"text": "Pain 👨‍👩‍👧‍👦", "length": 6, "max_length": 300, "options": {"langs": ["fr"]}},
    ]


def test_a_title_is_shown_where_it_goes_and_nowhere_else(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook", "linkedin", "pinterest")
    post = create(api, title="Oven news", platforms=["facebook", "linkedin", "pinterest"])

    targets = targets_of(api, post)

    shown = {each["platform"]: (each["title"], "title_not_shown" in rules_of(each)) for each in targets}
    assert shown == {"facebook": (None, True), "linkedin": (None, True), "pinterest": ("Oven news", False)}


def test_a_text_is_measured_by_what_its_files_allow(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "tiktok")
    options = {"tiktok": {"options": {"privacy_level": "SELF_ONLY"}}}
    photos, film = (create(api, content="x" * 3000, platforms=["tiktok"], platform_content=options) for _ in range(2))
    make_media(photos)
    make_media(film, type="video", mime_type="video/mp4")

    [[of_photos], [of_a_video]] = targets_of(api, photos), targets_of(api, film)

    assert (of_photos["length"], of_photos["max_length"]) == (3000, 4000)
    assert (of_a_video["length"], of_a_video["max_length"]) == (3000, 2200)
    assert ("text_too_long" in rules_of(of_photos), "text_too_long" in rules_of(of_a_video)) == (False, True)


def test_a_text_is_shown_and_measured_as_the_network_shows_and_counts_it(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook", "instagram", "linkedin")
    stories = {network: {"options": {"post_type": "story"}} for network in ("facebook", "instagram")}
    mention = "Ask @[Ann](urn:li:person:x) " + "é" * 2_992
    post = create(api, content=mention, platforms=["facebook", "instagram", "linkedin"], platform_content=stories)
    make_media(post)

    facebook, instagram, linkedin = targets_of(api, post)

    assert [(each["text"], each["length"]) for each in (facebook, instagram)] == [("", 0)] * 2
    assert (linkedin["text"], linkedin["length"]) == (f"Ask Ann {'é' * 2_992}", linkedin["max_length"])
    assert ["text_too_long" in rules_of(each) for each in (facebook, instagram, linkedin)] == [False] * 3


def test_a_mention_that_was_sent_is_shown_as_the_network_shows_it(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace, platform="linkedin")
    sent = "Ask @[Ann](urn:li:person:x)"
    post = make_post(workspace, accounts=[account], status="published")
    Target.objects.update(status="published", sent_text=sent)

    [shown] = targets_of(api, post)

    assert (shown["text"], shown["length"]) == ("Ask Ann", 7)


def test_files_are_shown_as_they_would_be_sent(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "twitter", "bluesky")
    post = create(api, platforms=["twitter", "bluesky"])
    moving = animation("GIF", durations=[100, 100])
    uploaded = upload(api, post, moving, filename="oven.gif", alt_text="An oven").json()["data"]["media"]

    twitter, bluesky = targets_of(api, post)

    [sent], [rewritten] = twitter["media"], bluesky["media"]
    same = {"id": uploaded["id"], "type": "image", "width": 60, "height": 40, "alt_text": "An oven"}
    assert sent == same | {"converted": "", "mime_type": "image/gif", "size": uploaded["size"], "url": sent["url"]}
    assert rewritten == same | {
        "converted": "written as a JPEG, as a still picture",
        "mime_type": "image/jpeg",
        "size": uploaded["size"],
        "url": rewritten["url"],
    }
    address = urlsplit(sent["url"])
    file = api.client.get(f"{address.path}?{address.query}")
    assert (file.headers["Content-Type"], file.getvalue()[:3]) == ("image/gif", b"GIF")


def test_files_are_in_the_order_of_the_post(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook")
    post = create(api)
    first, second = (upload(api, post, picture()).json()["data"]["media"]["id"] for _ in range(2))
    api.put(f"/api/media/{first}", {"position": 9})

    [shown] = targets_of(api, post)

    assert [media["id"] for media in shown["media"]] == [second, first]


BREAKS: list[dict[str, Any]] = [
    {"content": "x" * 70_000},
    {"content": ""},
    {"content": "é" * 281, "platform_content": {"bluesky": {"options": {"langs": ["a", "b", "c", "d"]}}}},
    {"content": "x", "link": f"https://bread.example/{'x' * 300}"},
    {"content": "x" * 250, "hashtags": [f"tag{number}" for number in range(20)]},
]


@pytest.mark.parametrize("values", BREAKS)
def test_its_issues_are_those_that_scheduling_and_publishing_raise(
    api: ApiClient, workspace: Workspace, values: dict[str, Any]
) -> None:
    connect_all(workspace, "facebook", "twitter", "bluesky")
    post = create(api, platforms=["bluesky", "facebook", "twitter"], **values)
    make_media(post, type="document", mime_type="application/pdf", alt_text="x" * 2500)

    previewed = [issue for target in targets_of(api, post) for issue in target["issues"]]
    scheduled = api.post(f"/api/posts/{post.pk}/schedule", {"scheduled_at": FUTURE})
    published = api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")

    assert [error_of(answer) for answer in (scheduled, published)] == [(422, "POST_NOT_PUBLISHABLE")] * 2
    assert previewed == scheduled.json()["error"]["details"]["issues"]
    assert previewed == published.json()["error"]["details"]["issues"]


def test_a_network_without_an_account_is_shown_with_what_it_would_get(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    post = create(api, platforms=["facebook", "bluesky"])

    facebook, bluesky = targets_of(api, post)

    assert (facebook["target_id"] is None, facebook["issues"]) == (False, [])
    assert (bluesky["target_id"], bluesky["account_id"], bluesky["text"]) == (None, None, "Fresh bread")
    assert rules_of(bluesky) == ["account_not_connected"]


@pytest.mark.parametrize("when", [{}, {"scheduled_at": FUTURE}], ids=["draft", "scheduled"])
def test_an_account_that_went_is_named_and_not_taken_for_its_network(
    api: ApiClient, workspace: Workspace, when: dict[str, Any]
) -> None:
    make_account(workspace)
    account = make_account(workspace, remote_id="2", default_of=None, name="Second page")
    post = create(api, platforms=[account.pk], **when)
    api.delete(f"/api/accounts/{account.pk}")

    [shown] = targets_of(api, post)

    assert (shown["target_id"], shown["account_id"], shown["platform"]) == (None, account.pk, "facebook")
    assert [issue["message"] for issue in shown["issues"]] == [
        "The account Second page (Facebook, companypage) was disconnected."
    ]
    assert rules_of(shown) == ["account_not_connected"]


def test_a_draft_shows_the_account_that_scheduling_would_choose(api: ApiClient, workspace: Workspace) -> None:
    first = make_account(workspace)
    draft, scheduled = create(api), create(api, scheduled_at=FUTURE)
    second = make_account(workspace, remote_id="2", default_of=None)
    api.put(f"/api/accounts/{second.pk}", {"is_default": True})

    [of_draft], [of_scheduled] = targets_of(api, draft), targets_of(api, scheduled)

    assert (of_draft["account_id"], of_draft["target_id"]) == (second.pk, draft.targets.get().pk)
    assert (of_scheduled["account_id"], of_scheduled["target_id"]) == (first.pk, scheduled.targets.get().pk)


def test_cancelled_targets_are_left_out_and_the_others_stand_in_their_order(
    api: ApiClient, workspace: Workspace
) -> None:
    accounts = connect_all(workspace, "facebook", "twitter", "bluesky")
    post = create(api, platforms=["facebook", "twitter", "bluesky"], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{accounts[0].pk}")

    assert [shown["platform"] for shown in targets_of(api, post)] == ["twitter", "bluesky"]


def test_what_is_out_is_shown_as_it_was_sent(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="published", scheduled_at=NOW)
    Target.objects.filter(post=post).update(sent_text="Fresh bread\n\n#then")
    workspace.settings = {"auto_hashtags": True, "default_hashtags": ["#now"]}
    workspace.save()
    SocialAccount.objects.filter(pk=account.pk).update(status="expired")

    [shown] = targets_of(api, post)

    assert (shown["text"], shown["length"], shown["issues"]) == ("Fresh bread\n\n#then", 18, [])


def test_what_failed_is_shown_as_a_retry_would_send_it(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="failed", scheduled_at=NOW)
    Target.objects.filter(post=post).update(sent_text="Fresh bread\n\n#then", sends=1)

    [shown] = targets_of(api, post)

    assert shown["text"] == "Fresh bread"


def test_looking_changes_nothing(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook")
    post = create(api, platforms=["facebook", "bluesky"])
    before = list(Post.objects.values()), list(Target.objects.values()), SocialAccount.objects.count()

    targets_of(api, post)

    assert (list(Post.objects.values()), list(Target.objects.values()), SocialAccount.objects.count()) == before
