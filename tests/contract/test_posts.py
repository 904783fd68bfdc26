"""/api/posts: creating, showing, changing and deleting, against the reference and the contract."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from accounts.models import SocialAccount
from ouipost.events.models import Event
from ouipost.ids import new_id
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches, request_body, sample
from tests.contract.world import at, connect_all, data_of, error_of, fields_of, make_published, upload
from tests.factories import NOW, make_account, make_media, make_post, make_schedule
from workspaces.models import Workspace

FUTURE = "2090-02-01T09:00:00Z"
NO_FILES_HERE = "media is not read here: send each file to POST /api/posts/{id}/media."
NO_ORDER_HERE = (
    'media is not read here: PUT /api/media/{id} {"position"} moves a file, and DELETE /api/media/{id} removes one.'
)
GIVEN = ("content", "platforms", "link", "hashtags")
ADDRESSES = ("post.media.*.url", "post.media.*.thumbnail_url")


def published_sample(workspace: Workspace) -> Post:
    """Write the post that the reference shows, with a file and its numbers."""
    shown = sample("GET /api/posts/{id}")["post"]
    numbers = shown["analytics"]
    results = {
        each["platform"]: {
            "remote_id": each["post_id"],
            "url": each["url"],
            "published_at": at(shown["published_at"]),
            "metrics": numbers["by_platform"][each["platform"]],
        }
        for each in shown["platform_posts"]
    }
    post = make_published(workspace, connect_all(workspace, *results), results=results, content=shown["content"])
    post.impressions, post.engagement = numbers["total_impressions"], numbers["total_engagement"]
    post.clicks = numbers["total_clicks"]
    make_media(post)
    return post


def test_a_published_post_is_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    post = published_sample(workspace)

    response = api.get(f"/api/posts/{post.pk}")

    assert_matches(response, "GET /api/posts/{id}", made=ADDRESSES)


def test_its_targets_name_the_accounts(api: ApiClient, workspace: Workspace) -> None:
    post = published_sample(workspace)

    shown = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["targets"]

    rows = post.targets.order_by("pk")
    assert [(each["id"], each["account_id"], each["platform"], each["status"]) for each in shown] == [
        (row.pk, row.account_id, row.platform, "published") for row in rows
    ]


@time_machine.travel("2024-01-22T10:00:00Z", tick=False)
def test_creating_answers_201_with_a_draft_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook", "twitter", "linkedin")
    shown = sample("POST /api/posts")["post"]

    response = api.post("/api/posts", {name: shown[name] for name in GIVEN})

    assert_matches(response, "POST /api/posts", status=201)
    assert "warnings" not in response.json()["data"]


def test_what_creating_answers_is_what_a_get_shows(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    created = api.post("/api/posts", {"content": "Hi", "platforms": ["facebook"]}).json()["data"]["post"]

    assert api.get(f"/api/posts/{created['id']}").json()["data"]["post"] == created


@time_machine.travel("2024-01-22T11:00:00Z", tick=False)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_changing_answers_as_in_the_reference(api: ApiClient, workspace: Workspace, method: str) -> None:
    accounts = connect_all(workspace, "facebook", "instagram", "twitter")
    kept = {"title": "Kept", "link": "https://example.com/kept", "platform_content": {"facebook": {"content": "Kept"}}}
    post = make_post(workspace, accounts=[accounts[0], accounts[2]], **kept)

    response = api(method, f"/api/posts/{post.pk}", request_body("PUT /api/posts/{id}"))

    assert_matches(response, "PUT /api/posts/{id}")
    changed = response.json()["data"]["post"]
    assert (changed["platforms"], changed["hashtags"]) == (["facebook", "instagram"], ["#updated", "#content"])
    assert {name: changed[name] for name in kept} == kept
    assert [target["platform"] for target in changed["targets"]] == ["facebook", "instagram"]


def test_lists_and_platform_content_are_replaced_whole(api: ApiClient, workspace: Workspace) -> None:
    before = {"hashtags": ["#a", "#b"], "platform_content": {"facebook": {"content": "F"}, "twitter": {"content": "T"}}}
    post = make_post(workspace, accounts=[make_account(workspace)], **before)

    body = {"hashtags": ["#c"], "platform_content": {"twitter": "Short"}}
    changed = api.put(f"/api/posts/{post.pk}", body).json()["data"]["post"]

    assert (changed["hashtags"], changed["platform_content"]) == (["#c"], {"twitter": {"content": "Short"}})


@pytest.mark.parametrize("path", ["/api/posts", "/api/posts/validate"])
def test_the_accounts_of_a_copied_post_are_not_dropped_in_silence(
    api: ApiClient, workspace: Workspace, path: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    shown = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]

    made, without = (api.post(path, body).json()["data"] for body in (shown, shown | {"targets": []}))

    assert made["warnings"] == ["targets is not read here: platforms takes the ids of accounts."]
    assert "warnings" not in without


def test_deleting_says_so_and_the_post_is_gone(api: ApiClient, workspace: Workspace) -> None:
    post = published_sample(workspace)

    response = api.delete(f"/api/posts/{post.pk}")

    assert_matches(response, "DELETE /api/posts/{id}")
    assert error_of(api.get(f"/api/posts/{post.pk}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize("content", ["Hi", "x" * 70_000], ids=["fits", "fits no more"])
def test_the_whole_of_a_get_can_be_sent_back_and_changes_nothing(
    api: ApiClient, workspace: Workspace, content: str
) -> None:
    planned = {"status": "scheduled", "scheduled_at": NOW, "content": content}
    post = make_post(workspace, accounts=[make_account(workspace)], **planned)
    make_media(post)
    before = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]
    other = {"id": "x", "media": [], "targets": [], "analytics": {"total_clicks": 1}, "published_at": "2001-01-01"}

    response = api.put(f"/api/posts/{post.pk}", before | other | {"created_at": None, "platform_posts": 1})

    after = api.get(f"/api/posts/{post.pk}").json()["data"]["post"]
    addresses: dict[str, Any] = {"media": []}
    assert response.status_code == 200, response.content
    assert after | addresses == before | addresses
    assert [each["id"] for each in after["media"]] == [each["id"] for each in before["media"]]


NEW = {"content": "Rye", "platforms": ["facebook"]}
DUE = "2100-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"status": "draft", "scheduled_at": None, "scheduled_timezone": ""}, set()),
        ({"status": "scheduled", "scheduled_at": DUE}, set()),
        ({"timezone": "Europe/Paris", "scheduled_timezone": "Europe/Paris", "scheduled_at": DUE}, set()),
        ({"status": "scheduled"}, {"status"}),
        ({"status": "draft", "scheduled_at": DUE}, {"status"}),
        ({"status": "published"}, {"status"}),
        ({"status": None}, {"status"}),
        ({"scheduled_timezone": "Europe/Paris", "scheduled_at": DUE}, {"scheduled_timezone"}),
        ({"schedule_id": None}, set()),
        ({"schedule_id": "sched_1"}, {"schedule_id"}),
    ],
)
def test_a_new_post_may_name_the_status_that_it_gets_and_no_other(
    api: ApiClient, workspace: Workspace, given: dict[str, Any], refused: set[str]
) -> None:
    make_account(workspace)

    response = api.post("/api/posts", NEW | given)

    assert (response.status_code, set(fields_of(response)) if refused else set()) == (400 if refused else 201, refused)


@pytest.mark.parametrize(
    "media", [["https://example.com/rye.jpg"], [{"url": "https://example.com/rye.jpg"}], "rye.jpg"]
)
def test_files_in_the_body_of_a_new_post_are_told_to_be_left_out(
    api: ApiClient, workspace: Workspace, media: Any
) -> None:
    make_account(workspace)

    response = api.post("/api/posts", {"content": "Rye", "platforms": ["facebook"], "media": media})

    shown = data_of(response, status=201)
    assert shown["post"]["media"] == []
    assert shown["warnings"] == [NO_FILES_HERE]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (list.clear, NO_ORDER_HERE),
        (list.pop, NO_ORDER_HERE),
        (list.reverse, NO_ORDER_HERE),
        (lambda media: media.append("https://example.com/rye.jpg"), NO_FILES_HERE),
        (lambda media: media.append({"id": ["media"]}), NO_FILES_HERE),
    ],
)
def test_other_files_than_those_of_the_post_are_told_to_be_left_out(
    api: ApiClient, workspace: Workspace, change: Callable[[list[Any]], object], told: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    make_media(post)
    make_media(post)
    shown = data_of(api.get(f"/api/posts/{post.pk}"))["post"]
    media = list(shown["media"])
    change(media)

    answer = data_of(api.put(f"/api/posts/{post.pk}", shown | {"media": media}))

    assert answer["warnings"] == [told]
    assert [each["id"] for each in answer["post"]["media"]] == [each["id"] for each in shown["media"]]


def test_the_files_of_a_post_that_come_back_are_nothing_to_tell(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    make_media(post)
    make_media(post)
    shown = data_of(api.get(f"/api/posts/{post.pk}"))["post"]

    changed = data_of(api.put(f"/api/posts/{post.pk}", shown))
    made = data_of(api.post("/api/posts", {"content": "Rye", "platforms": ["facebook"], "media": []}), status=201)

    assert "warnings" not in changed | made


def accounts_of(shown: dict[str, Any]) -> set[str]:
    return {target["account_id"] for target in shown["targets"]}


def sent_back(api: ApiClient, post: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Send what a GET shows of a post back, and return what the answer shows then."""
    shown = api.get(f"/api/posts/{post['id']}").json()["data"]["post"]
    after: dict[str, Any] = data_of(api.put(f"/api/posts/{post['id']}", shown | changed))["post"]
    return after


def create(api: ApiClient, platforms: list[str], **values: Any) -> dict[str, Any]:
    response = api.post("/api/posts", {"content": "Hi", "platforms": platforms} | values)
    post: dict[str, Any] = data_of(response, status=201)["post"]
    return post


@pytest.mark.parametrize("when", [{}, {"scheduled_at": FUTURE}], ids=["draft", "scheduled"])
@pytest.mark.parametrize("several", [False, True], ids=["one account", "several accounts"])
def test_a_post_for_another_account_than_the_default_keeps_it_when_it_is_sent_back(
    api: ApiClient, workspace: Workspace, when: dict[str, Any], several: bool
) -> None:
    connect_all(workspace, "facebook", "twitter")
    second, third = (make_account(workspace, remote_id=name, default_of=None) for name in ("2", "3"))
    post = create(api, [second.pk, "twitter", *([third.pk] if several else [])], **when)

    after = sent_back(api, post, platforms=["twitter", "facebook"])

    assert after == post
    assert Event.objects.get(type="post.unchanged").details == {"before": {}, "after": {}}


def test_a_network_that_comes_or_goes_leaves_the_accounts_of_the_others(api: ApiClient, workspace: Workspace) -> None:
    _, twitter, bluesky = connect_all(workspace, "facebook", "twitter", "bluesky")
    second = make_account(workspace, remote_id="2", default_of=None)
    post = create(api, [second.pk, "twitter"])

    more = sent_back(api, post, platforms=["facebook", "twitter", "bluesky"])
    less = sent_back(api, post, platforms=["facebook"])

    assert accounts_of(more) == {second.pk, twitter.pk, bluesky.pk}
    assert (less["platforms"], accounts_of(less)) == (["facebook"], {second.pk})


def test_naming_an_account_moves_a_post_there(api: ApiClient, workspace: Workspace) -> None:
    [default] = connect_all(workspace, "facebook")
    second, third = (make_account(workspace, remote_id=name, default_of=None) for name in ("2", "3"))
    post = create(api, [second.pk], scheduled_at=FUTURE)

    moved, both = sent_back(api, post, platforms=[default.pk]), sent_back(api, post, platforms=["facebook", third.pk])
    gone = api.put(f"/api/posts/{post['id']}", {"platforms": [new_id("acc")]})

    assert (accounts_of(moved), accounts_of(both)) == ({default.pk}, {default.pk, third.pk})
    assert set(fields_of(gone)) == {"platforms.0"}


@pytest.mark.parametrize("change", [{}, {"platforms": ["facebook"]}, {"platforms": ["twitter", "facebook"]}], ids=str)
def test_a_scheduled_post_keeps_its_accounts_when_another_becomes_the_default(
    api: ApiClient, workspace: Workspace, change: dict[str, Any]
) -> None:
    first, twitter = connect_all(workspace, "facebook", "twitter")
    post, draft = create(api, ["facebook"], scheduled_at=FUTURE), create(api, ["facebook"])
    second = make_account(workspace, remote_id="2", default_of=None)
    api.put(f"/api/accounts/{second.pk}", {"is_default": True})

    after = api.put(f"/api/posts/{post['id']}", {"title": "t"} | change).json()["data"]["post"]
    of_draft = api.put(f"/api/posts/{draft['id']}", {"title": "t"}).json()["data"]["post"]

    assert accounts_of(after) - {twitter.pk} == {first.pk}
    assert accounts_of(of_draft) == {second.pk}


def test_a_scheduled_post_for_a_network_and_another_account_there_keeps_both(
    api: ApiClient, workspace: Workspace
) -> None:
    [default] = connect_all(workspace, "facebook")
    second = make_account(workspace, remote_id="2", default_of=None)
    post = create(api, ["facebook", second.pk], scheduled_at=FUTURE)

    after = data_of(api.put(f"/api/posts/{post['id']}", {"title": "t"}))["post"]

    assert accounts_of(after) == {default.pk, second.pk}


def miss(post: dict[str, Any]) -> None:
    """Let the time of a scheduled post be over, as if nothing could run then."""
    Target.objects.filter(post=post["id"], status="scheduled").update(status="missed", due_at=None)
    Post.objects.filter(pk=post["id"]).update(status="missed")


def going_out(api: ApiClient, post: dict[str, Any]) -> dict[str, str]:
    """Return the status that each account of a post has there."""
    shown = api.get(f"/api/posts/{post['id']}").json()["data"]["post"]
    return {target["account_id"]: target["status"] for target in shown["targets"]}


@pytest.mark.parametrize("named", ["network", "account"])
@pytest.mark.parametrize(
    "change", [{"title": "t"}, {"platforms": ["facebook", "twitter"]}, {"platforms": ["facebook", "bluesky"]}], ids=str
)
def test_an_edit_gives_a_scheduled_post_no_other_account_for_one_that_went(
    api: ApiClient, workspace: Workspace, named: str, change: dict[str, Any]
) -> None:
    facebook, gone, bluesky = connect_all(workspace, "facebook", "twitter", "bluesky")
    make_account(workspace, platform="twitter", remote_id="2", default_of=None)  # the next default
    post = create(api, ["facebook", {"network": "twitter", "account": gone.pk}[named]], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{gone.pk}")

    response = api.put(f"/api/posts/{post['id']}", change)

    assert response.status_code == 200, response.content
    other = bluesky if "bluesky" in change.get("platforms", []) else gone
    assert going_out(api, post) == {
        facebook.pk: "scheduled",
        other.pk: "scheduled" if other == bluesky else "cancelled",
    }


@pytest.mark.parametrize("is_missed", [False, True], ids=["scheduled", "missed"])
@pytest.mark.parametrize("named", ["network", "account"])
@pytest.mark.parametrize(
    ("command", "body"),
    [("schedule", {"scheduled_at": "2090-03-01T09:00:00Z"}), ("schedule", {"schedule_id": ""}), ("publish", {})],
    ids=["another time", "a queue", "at once"],
)
def test_another_time_takes_a_scheduled_post_to_no_other_account(
    api: ApiClient, workspace: Workspace, named: str, command: str, body: dict[str, Any], is_missed: bool
) -> None:
    """Neither where another one is the default by then, nor in place of one that went."""
    facebook, gone = connect_all(workspace, "facebook", "twitter")
    make_account(workspace, platform="twitter", remote_id="2", default_of=None)  # the next default
    post = create(api, ["facebook", {"network": "twitter", "account": gone.pk}[named]], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{gone.pk}")
    second = make_account(workspace, remote_id="2", default_of=None)
    api.put(f"/api/accounts/{second.pk}", {"is_default": True})
    if is_missed:
        miss(post)
    queue = {"schedule_id": make_schedule(workspace).pk} if "schedule_id" in body else {}

    answer = api.post(f"/api/posts/{post['id']}/{command}", body | queue, Prefer="wait=0")

    assert answer.status_code in (200, 202), answer.content
    left = "publishing" if command == "publish" else "scheduled"
    assert going_out(api, post) == {facebook.pk: left, gone.pk: "cancelled"}


def test_a_scheduled_post_cannot_be_left_to_an_account_that_went(api: ApiClient, workspace: Workspace) -> None:
    facebook, gone = connect_all(workspace, "facebook", "twitter")
    post = create(api, ["facebook", "twitter"], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{gone.pk}")

    response = api.put(f"/api/posts/{post['id']}", {"platforms": ["twitter"]})

    error = response.json()["error"]
    assert (error["code"], error["details"]) == ("ACCOUNT_NOT_CONNECTED", {"platforms": ["twitter"]})
    assert going_out(api, post) == {facebook.pk: "scheduled", gone.pk: "cancelled"}


@pytest.mark.parametrize("is_queued", [False, True], ids=["at a time", "in a queue"])
@pytest.mark.parametrize("named", [["twitter"], ["facebook", "twitter", "bluesky"], ["twitter", "bluesky"]], ids=str)
def test_a_list_of_other_networks_gives_a_scheduled_post_back_to_an_account_that_is_connected_again(
    api: ApiClient, workspace: Workspace, named: list[str], is_queued: bool
) -> None:
    accounts = {each.platform: each for each in connect_all(workspace, "facebook", "twitter", "bluesky")}
    post = create(api, ["facebook", "twitter"])
    queue = {"schedule_id": make_schedule(workspace).pk} if is_queued else {"scheduled_at": FUTURE}
    planned = data_of(api.post(f"/api/posts/{post['id']}/schedule", queue))["post"]
    gone = accounts["twitter"]
    api.delete(f"/api/accounts/{gone.pk}")
    SocialAccount.objects.filter(pk=gone.pk).update(disconnected_at=None, default_of="twitter")

    after = data_of(api.put(f"/api/posts/{post['id']}", {"platforms": named}))["post"]

    times = ("status", "scheduled_at", "schedule_id")
    assert [after[name] for name in times] == [planned[name] for name in times]
    assert going_out(api, post) == {accounts[name].pk: "scheduled" for name in named}


@pytest.mark.parametrize("comes_back", [False, True], ids=["gone", "connected again"])
@pytest.mark.parametrize("named", ["network", "account"])
def test_a_list_of_other_networks_means_the_default_account_where_a_scheduled_post_goes_nowhere(
    api: ApiClient, workspace: Workspace, named: str, comes_back: bool
) -> None:
    _, gone = connect_all(workspace, "facebook", "twitter")
    second = make_account(workspace, platform="twitter", remote_id="2", default_of=None)  # the next default
    post = create(api, ["facebook", {"network": "twitter", "account": gone.pk}[named]], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{gone.pk}")
    if comes_back:
        SocialAccount.objects.filter(pk=gone.pk).update(disconnected_at=None)

    answer = data_of(api.put(f"/api/posts/{post['id']}", {"platforms": ["twitter"]}))

    assert "warnings" not in answer
    assert (answer["post"]["status"], going_out(api, post)) == ("scheduled", {second.pk: "scheduled"})


@pytest.mark.parametrize("comes_back", [False, True], ids=["gone", "connected again"])
def test_a_scheduled_post_that_is_sent_back_is_unchanged_and_warns_of_a_network_that_gets_nothing(
    api: ApiClient, workspace: Workspace, comes_back: bool
) -> None:
    facebook, gone = connect_all(workspace, "facebook", "twitter")
    post = create(api, ["facebook", "twitter"], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{gone.pk}")
    if comes_back:
        SocialAccount.objects.filter(pk=gone.pk).update(disconnected_at=None, default_of="twitter")
    shown = data_of(api.get(f"/api/posts/{post['id']}"))["post"]

    whole = data_of(api.put(f"/api/posts/{post['id']}", shown))
    listed = data_of(api.put(f"/api/posts/{post['id']}", {"platforms": ["twitter", "facebook"]}))

    told = "Twitter/X gets nothing, as its account was disconnected: to send the post there, name an account."
    assert [each["warnings"] for each in (whole, listed)] == [[told], [told]]
    assert whole["post"] == listed["post"] == shown
    assert going_out(api, post) == {facebook.pk: "scheduled", gone.pk: "cancelled"}
    assert Event.objects.filter(type="post.unchanged").count() == 2


@pytest.mark.parametrize("named", [["twitter"], ["twitter", "facebook"]], ids=["sent back", "another list"])
def test_a_draft_for_an_account_that_went_waits_for_it_until_another_list_names_its_network(
    api: ApiClient, workspace: Workspace, named: list[str]
) -> None:
    facebook, default = connect_all(workspace, "facebook", "twitter")
    gone = make_account(workspace, platform="twitter", remote_id="2", default_of=None)
    post = create(api, [gone.pk])
    api.delete(f"/api/accounts/{gone.pk}")

    answer = data_of(api.put(f"/api/posts/{post['id']}", {"platforms": named}))

    is_back = named == ["twitter"]
    assert accounts_of(answer["post"]) == (set() if is_back else {default.pk, facebook.pk})
    assert (gone.pk in "".join(answer.get("warnings", []))) is is_back


def test_a_network_whose_account_went_keeps_the_others_that_a_post_goes_to_there(
    api: ApiClient, workspace: Workspace
) -> None:
    _, first, bluesky = connect_all(workspace, "facebook", "twitter", "bluesky")
    gone = make_account(workspace, platform="twitter", remote_id="2", default_of=None)
    post = create(api, ["facebook", "twitter", gone.pk], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{gone.pk}")
    SocialAccount.objects.filter(pk=gone.pk).update(disconnected_at=None)

    answer = data_of(api.put(f"/api/posts/{post['id']}", {"platforms": ["twitter", "bluesky"]}))

    assert "warnings" not in answer
    assert going_out(api, post) == {first.pk: "scheduled", gone.pk: "cancelled", bluesky.pk: "scheduled"}


def test_an_account_that_comes_back_is_in_a_scheduled_post_with_its_next_time(
    api: ApiClient, workspace: Workspace
) -> None:
    facebook, gone = connect_all(workspace, "facebook", "twitter")
    make_account(workspace, platform="twitter", remote_id="2", default_of=None)  # the next default
    post = create(api, ["facebook", "twitter"], scheduled_at=FUTURE)
    api.delete(f"/api/accounts/{gone.pk}")
    type(gone).objects.filter(pk=gone.pk).update(disconnected_at=None)

    api.put(f"/api/posts/{post['id']}", {"title": "t"})
    edited = going_out(api, post)
    api.post(f"/api/posts/{post['id']}/schedule", {"scheduled_at": "2090-03-01T09:00:00Z"})

    assert edited == {facebook.pk: "scheduled", gone.pk: "cancelled"}
    assert going_out(api, post) == {facebook.pk: "scheduled", gone.pk: "scheduled"}


def test_words_for_an_account_that_has_gone_may_come_back_and_new_ones_may_not(
    api: ApiClient, workspace: Workspace
) -> None:
    [default] = connect_all(workspace, "facebook")
    gone = make_account(workspace, remote_id="2", default_of=None)
    words = {gone.pk: {"content": "For our second page"}}
    post = create(api, ["facebook"], platform_content=words)
    api.delete(f"/api/accounts/{gone.pk}")

    after = sent_back(api, post)
    other = api.put(f"/api/posts/{post['id']}", {"platform_content": {gone.pk: {"content": "Other"}}})

    assert (after["platform_content"], accounts_of(after)) == (words, {default.pk})
    assert set(fields_of(other)) == {f"platform_content.{gone.pk}"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "published"),
        ("status", "scheduled"),
        ("status", None),
        ("scheduled_at", "2026-12-01T10:00:00Z"),
        ("scheduled_timezone", "Europe/Paris"),
        ("timezone", "Europe/Paris"),
        ("schedule_id", "sched_1"),
    ],
)
def test_what_an_action_changes_is_refused_with_the_name_of_the_action(
    api: ApiClient, workspace: Workspace, name: str, value: Any
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])

    told = fields_of(api.put(f"/api/posts/{post.pk}", {name: value, "content": "Changed"}))

    assert set(told) == {name}
    assert "/api/posts/{id}/schedule" in told[name][0]
    post.refresh_from_db()
    assert (post.status, post.content) == ("draft", "Fresh bread")


def test_who_takes_a_time_away_is_told_how_a_post_becomes_a_draft(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="scheduled", scheduled_at=NOW)

    told = fields_of(api.put(f"/api/posts/{post.pk}", {"scheduled_at": None}))

    assert told == {"scheduled_at": ["Cannot be set here: use POST /api/posts/{id}/schedule or unschedule."]}


def test_the_present_status_and_time_may_come_back(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="scheduled", scheduled_at=NOW)
    body = {"status": "scheduled", "scheduled_at": "2026-11-25T13:00:00+01:00", "scheduled_timezone": ""}

    assert api.put(f"/api/posts/{post.pk}", body).status_code == 200


INVALID: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"content", "platforms"}),
    ({"content": 1, "platforms": "facebook", "title": 2, "link": 3, "hashtags": {}, "platform_content": []},
     {"content", "platforms", "title", "link", "hashtags", "platform_content"}),
    ({"content": "x", "platforms": []}, {"platforms"}),
    ({"content": "x", "platforms": ["myspace", "orkut"]}, {"platforms.0", "platforms.1"}),
    ({"content": "x", "platforms": ["facebook", 7, None]}, {"platforms.1", "platforms.2"}),
    ({"content": "x", "platforms": ["facebook"], "schedule_at": "2090-01-01T00:00:00Z"}, {"schedule_at"}),
    ({"content": "x", "platforms": ["facebook"], "link": "javascript:alert(1)", "color": 1}, {"link", "color"}),
    ({"content": "x", "platforms": ["facebook"], "link": "https://example.com:99999/"}, {"link"}),
    ({"content": "x", "platforms": ["facebook"], "link": "https://example.com/\ufeff"}, {"link"}),
    ({"content": "x", "platforms": ["facebook"], "hashtags": ["two words"]}, {"hashtags.0"}),
    ({"content": "x", "platforms": ["facebook"], "platform_content": {"myspace": {}, "twitter": {"text": "x"}}},
     {"platform_content.myspace", "platform_content.twitter.text"}),
    ({"content": "x", "platforms": ["facebook"], "platform_content": {"twitter": {"options": {"shiny": 1}}}},
     {"platform_content.twitter.options.shiny"}),
    ({"content": "x", "platforms": ["facebook"],
      "platform_content": {"twitter": 5, "bluesky": None, "facebook": {"content": 5}}},
     {"platform_content.twitter", "platform_content.bluesky", "platform_content.facebook.content"}),
    ({"content": "x", "platforms": ["facebook"], "scheduled_at": "tomorrow", "timezone": "CET/Moon"},
     {"scheduled_at", "timezone"}),
    ({"content": "x", "platforms": ["facebook"], "status": "published"}, {"status"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "names"), INVALID)
def test_everything_that_is_wrong_is_named_at_once(
    api: ApiClient, workspace: Workspace, body: dict[str, Any], names: set[str]
) -> None:
    make_account(workspace)

    told = fields_of(api.post("/api/posts", body))

    assert set(told) == names
    assert not Post.objects.exists()


WRONG_OPTIONS: list[tuple[str, str, Any, str]] = [
    ("twitter", "thread", 5, "Must be a list of strings."),
    ("twitter", "thread", "one", "Must be a list of strings."),
    ("bluesky", "thread.1", ["one", 2], "Must be a string."),
    ("youtube", "made_for_kids", "yes", "Must be true or false."),
    ("youtube", "made_for_kids", 1, "Must be true or false."),
    ("tiktok", "video_cover_timestamp_ms", 1.5, "Must be an integer."),
    ("tiktok", "photo_cover_index", True, "Must be an integer."),
    ("instagram", "post_type", 42, "Must be a string."),
    ("pinterest", "board_id", None, "Must be a string."),
    ("twitter", "thread.1", ["one", "t\x07wo"], "Control characters other than tab and newline are not allowed."),
    ("facebook", "first_comment", "o\x1bne", "Control characters other than tab and newline are not allowed."),
]


def test_texts_of_options_are_stored_as_all_texts_are(api: ApiClient) -> None:
    options = {"thread": ["Cafe\u0301", "at\r\nnine"], "first_comment": "e\u0301\r\n"}
    body = {"content": "x", "platforms": ["twitter"], "platform_content": {"twitter": {"options": options}}}

    shown = api.post("/api/posts", body).json()["data"]["post"]

    cleaned = {"thread": ["Café", "at\nnine"], "first_comment": "é\n"}
    assert shown["platform_content"] == {"twitter": {"options": cleaned}}


@pytest.mark.parametrize("by_account", [False, True])
@pytest.mark.parametrize(("platform", "option", "value", "told"), WRONG_OPTIONS)
def test_an_option_of_the_wrong_type_is_named_and_not_stored(
    api: ApiClient, workspace: Workspace, platform: str, option: str, value: Any, told: str, by_account: bool
) -> None:
    account = make_account(workspace, platform=platform)
    post = make_post(workspace, accounts=[account])
    key = account.pk if by_account else platform
    body = {"platform_content": {key: {"options": {option.partition(".")[0]: value}}}}

    calls = [
        api.post("/api/posts", body | {"content": "x", "platforms": [platform]}),
        api.post("/api/posts/validate", body | {"content": "x", "platforms": [platform]}),
        api.put(f"/api/posts/{post.pk}", body),
    ]

    assert [fields_of(call) for call in calls] == [{f"platform_content.{key}.options.{option}": [told]}] * 3
    assert Post.objects.get().platform_content == {}


@pytest.mark.parametrize("by_account", [False, True])
def test_more_options_than_any_network_has_are_refused_in_one_sentence(
    api: ApiClient, workspace: Workspace, by_account: bool
) -> None:
    key = make_account(workspace).pk if by_account else "facebook"
    entry = {"options": {f"name_{number}": number for number in range(101)}}

    refused = api.post("/api/posts", {"content": "x", "platforms": ["facebook"], "platform_content": {key: entry}})

    assert fields_of(refused) == {f"platform_content.{key}.options": ["At most 100 options can be given."]}


@pytest.mark.parametrize("texts", [{"first_comment": "é" * 100_000}, {"thread": ["é" * 25_000] * 4}])
def test_options_have_no_more_text_than_a_post(api: ApiClient, workspace: Workspace, texts: dict[str, Any]) -> None:
    key = make_account(workspace, platform="twitter").pk
    body = {"content": "x", "platforms": ["twitter"], "platform_content": {key: {"options": texts}}}

    refused = [api.post(path, body) for path in ("/api/posts", "/api/posts/validate")]

    told = "All options together may have 100000 characters as JSON. Remove some."
    assert [fields_of(each) for each in refused] == [{f"platform_content.{key}.options": [told]}] * 2


@pytest.mark.parametrize("by_account", [False, True])
@pytest.mark.parametrize(("platform", "option"), [("bluesky", "thread"), ("youtube", "tags")])
def test_a_list_that_is_longer_than_any_network_takes_is_refused_before_it_is_stored(
    api: ApiClient, workspace: Workspace, platform: str, option: str, by_account: bool
) -> None:
    key = make_account(workspace, platform=platform).pk if by_account else platform
    body = {"content": "x", "platforms": [platform]}
    most, more = (body | {"platform_content": {key: {"options": {option: ["a"] * length}}}} for length in (250, 251))

    refused = [api.post(path, more) for path in ("/api/posts", "/api/posts/validate")]
    taken = api.post("/api/posts", most)

    told = {f"platform_content.{key}.options.{option}": ["Ensure this field has no more than 250 elements."]}
    assert ([fields_of(each) for each in refused], taken.status_code) == ([told] * 2, 201)


@pytest.mark.parametrize("by_account", [False, True])
def test_an_option_of_the_right_type_that_breaks_a_rule_is_refused_at_scheduling(
    api: ApiClient, workspace: Workspace, by_account: bool
) -> None:
    account = make_account(workspace, platform="twitter")
    content = {account.pk if by_account else "twitter": {"options": {"reply_settings": "nobody"}}}
    body = {"content": "x", "platforms": ["twitter"], "platform_content": content}

    draft, scheduled = (
        api.post("/api/posts", body),
        api.post("/api/posts", body | {"scheduled_at": "2099-01-01T00:00:00Z"}),
    )

    assert (draft.status_code, error_of(scheduled)) == (201, (422, "POST_NOT_PUBLISHABLE"))
    assert [issue["rule"] for issue in scheduled.json()["error"]["details"]["issues"]] == ["option_invalid"]


def test_a_field_that_posts_do_not_have_is_named_when_changing_too(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace)

    told = fields_of(api.put(f"/api/posts/{post.pk}", {"schedule_at": "2090-01-01T00:00:00Z", "role": "admin"}))

    assert told == {"schedule_at": ["Unknown field."], "role": ["Unknown field."]}


def test_a_draft_for_a_platform_without_account_is_saved_with_a_warning(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)

    overrides = {"facebook": {"title": "Here"}, "bluesky": {"title": "There"}, "threads": "Nowhere"}
    response = api.post(
        "/api/posts", {"content": "Hi", "platforms": ["facebook", "bluesky"], "platform_content": overrides}
    )

    data = response.json()["data"]
    assert response.status_code == 201
    assert data["post"]["platforms"] == ["facebook", "bluesky"]
    assert [target["platform"] for target in data["post"]["targets"]] == ["facebook"]
    assert data["warnings"] == [
        "No Bluesky account is connected: connect one before the post is scheduled.",
        "The post does not go to Threads, which platform_content names.",
        "Bluesky shows no title of such a post: the one in platform_content is left out.",
    ]


def test_the_hashtags_that_are_none_are_named(api: ApiClient) -> None:
    wrong = ["two words", "#", "#rye#bread", "\uff03rye\uff03bread", "C#"]
    tags = ["#rye", "##bread", *wrong, "\uff03rye"]

    told = fields_of(api.post("/api/posts", {"content": "x", "platforms": ["facebook"], "hashtags": tags}))

    assert told == {
        f"hashtags.{place}": [f"A hashtag is one word, with or without its #. Change {tag!r}."]
        for place, tag in enumerate(wrong, start=2)
    }


def test_a_title_that_no_network_of_the_post_shows_is_told(api: ApiClient, workspace: Workspace) -> None:
    connected = [make_account(workspace, platform=name) for name in ("twitter", "bluesky", "pinterest")]
    networks = [account.platform for account in connected]

    nowhere = api.post("/api/posts", {"content": "Hi", "title": "News", "platforms": networks[:2]}).json()["data"]
    somewhere = api.post("/api/posts", {"content": "Hi", "title": "News", "platforms": networks}).json()["data"]
    path = f"/api/posts/{somewhere['post']['id']}"

    told = ["No network of this post shows its title: it is left out."]
    assert (nowhere["warnings"], "warnings" in somewhere) == (told, False)
    assert api.put(path, {"platforms": ["bluesky"]}).json()["data"]["warnings"] == told


@pytest.mark.parametrize(
    ("values", "files", "is_told"),
    [({}, "", False), ({"scheduled_at": FUTURE}, "", True), ({}, "image", True), ({}, "video", False)],
    ids=["a draft that may get a video", "scheduled", "with an image", "with a video"],
)
def test_a_title_that_this_very_post_does_not_show_is_told(
    api: ApiClient, workspace: Workspace, values: dict[str, Any], files: str, is_told: bool
) -> None:
    make_account(workspace)
    body = {"content": "Hi", "title": "News", "platforms": ["facebook"]} | values
    data = api.post("/api/posts", body).json()["data"]
    if files:
        make_media(Post.objects.get(), type=files)
        data = api.put(f"/api/posts/{data['post']['id']}", {"content": "Hello"}).json()["data"]

    told = ["No network of this post shows its title: it is left out."]
    assert data.get("warnings", []) == (told if is_told else [])


def test_networks_and_account_ids_mix_and_an_account_is_never_taken_twice(api: ApiClient, workspace: Workspace) -> None:
    default = make_account(workspace)
    second = make_account(workspace, remote_id="2", default_of=None)

    body = {"content": "Hi", "platforms": ["facebook", second.pk, default.pk]}
    post = api.post("/api/posts", body).json()["data"]["post"]

    assert post["platforms"] == ["facebook"]
    assert sorted(target["account_id"] for target in post["targets"]) == sorted([default.pk, second.pk])


def test_what_a_status_does_not_allow_is_a_conflict_that_names_it(api: ApiClient, workspace: Workspace) -> None:
    """`posts/test_matrix` has what each status allows."""
    post = make_post(workspace, accounts=[make_account(workspace)], status="publishing", scheduled_at=NOW)
    media = f"/api/media/{make_media(post).pk}"
    path = f"/api/posts/{post.pk}"

    conflicts = [
        api.post(f"{path}/schedule", {"scheduled_at": FUTURE}),
        *(api.post(f"{path}/{action}") for action in ("unschedule", "retry")),
        api.delete(path),
    ]
    edit = api.put(path, {"content": "Other"})
    files = [upload(api, post, b"no picture"), api.put(media, {"alt_text": "x"}), api.delete(media)]

    assert [error_of(answer) for answer in conflicts] == [(409, "CONFLICT")] * 4
    assert error_of(edit) == (409, "POST_NOT_EDITABLE")
    assert [error_of(answer) for answer in files] == [(409, "MEDIA_IN_USE")] * 3
    told = [answer.json()["error"]["details"] for answer in [*conflicts, edit, *files]]
    assert told == [{"status": "publishing"}] * 8
    assert post.files.get().alt_text == "Product showcase image"


@pytest.mark.parametrize("status", ["failed", "missed"])
def test_who_edits_a_post_that_can_become_a_draft_is_told_how(
    api: ApiClient, workspace: Workspace, status: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status=status)

    refused = api.put(f"/api/posts/{post.pk}", {"content": "Mended"})
    api.post(f"/api/posts/{post.pk}/unschedule")
    again = api.put(f"/api/posts/{post.pk}", {"content": "Mended"})

    assert error_of(refused) == (409, "POST_NOT_EDITABLE")
    assert refused.json()["error"]["message"] == (
        "Only draft and scheduled posts can be changed. Unschedule this one first: it is a draft then."
    )
    assert data_of(again)["post"]["content"] == "Mended"


def test_an_account_that_was_taken_out_is_not_shown_although_the_post_may_be_there(
    api: ApiClient, workspace: Workspace
) -> None:
    accounts = [make_account(workspace), make_account(workspace, platform="twitter", remote_id="2")]
    post = make_post(workspace, accounts=accounts)
    Target.objects.update(armed_at=NOW)

    api.put(f"/api/posts/{post.pk}", {"platforms": ["twitter"]})

    shown = data_of(api.get(f"/api/posts/{post.pk}"))["post"]
    assert [each["platform"] for each in shown["targets"]] == ["twitter"]
