"""What any network would refuse is told of every account at once."""

import time
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from accounts import platforms, registry
from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from posts.content import compose
from posts.models import Post
from posts.rules import PostNotPublishable, check, find_issues
from tests.factories import make_account, make_workspace
from tests.networks.platform_case import make_image
from tests.posts.fakes import ScriptedNetwork
from workspaces.models import Workspace

pytestmark = pytest.mark.any_database


def pages(workspace: Workspace) -> list[SocialAccount]:
    return [make_account(workspace, remote_id=str(number), default_of=None) for number in range(2)]


def test_a_sound_post_has_no_issues(workspace: Workspace, network: ScriptedNetwork) -> None:
    accounts = pages(workspace)

    check(Post(content="Bread"), accounts, [])

    assert find_issues(Post(content="Bread"), accounts, []) == []


def test_every_issue_of_every_account_is_told_at_once(workspace: Workspace, network: ScriptedNetwork) -> None:
    first, second = pages(workspace)
    post = Post(content="x" * 41, platform_content={second.pk: {"content": "", "options": {"unheard_of": 1}}})
    images = [make_image(str(number)) for number in range(3)]

    with pytest.raises(PostNotPublishable) as refused:
        check(post, [first, second], images)

    issues = refused.value.details["issues"]
    assert [(issue["account_id"], issue["rule"]) for issue in issues] == [
        (first.pk, "text_too_long"),
        (first.pk, "too_many_images"),
        (second.pk, "too_many_images"),
        (second.pk, "option_unknown"),
    ]
    assert issues[0] == {
        "rule": "text_too_long",
        "platform": "facebook",
        "account_id": first.pk,
        "field": "content",
        "message": issues[0]["message"],
        "limit": 40,
        "actual": 41,
        "severity": "error",
        "fix": issues[0]["fix"],
    }
    assert (refused.value.code, refused.value.status) == ("POST_NOT_PUBLISHABLE", 422)


@pytest.mark.parametrize("network_id", registry.IDS)
def test_a_type_that_a_network_does_not_have_is_told_once(network_id: str) -> None:
    account = SocialAccount(platform=network_id, workspace=Workspace())

    issues = find_issues(
        Post(content="Bread", platform_content={network_id: {"options": {"post_type": "poster"}}}), [account], []
    )

    assert [issue["rule"] for issue in issues].count("post_type_unsupported") == 1


def test_what_is_checked_is_the_very_text_that_would_be_sent(workspace: Workspace, network: ScriptedNetwork) -> None:
    account = make_account(workspace)
    post = Post(content="x" * 30, link="https://bread.example/")

    [issue] = find_issues(post, [account], [])

    assert issue["actual"] == len(compose(post, account, network, []).text)


def test_an_account_that_must_be_reconnected_is_a_warning_only(workspace: Workspace, network: ScriptedNetwork) -> None:
    account = make_account(workspace, status="expired")

    check(Post(content="Bread"), [account], [])
    [issue] = find_issues(Post(content="Bread"), [account], [])

    assert (issue["rule"], issue["severity"]) == ("account_expired", "warning")
    assert issue["fix"] == f"POST /api/accounts/{account.pk}/reconnect"


UPLOAD, FORCE_SSL = (f"https://www.googleapis.com/auth/youtube.{name}" for name in ("upload", "force-ssl"))
READ = "https://www.googleapis.com/auth/youtube.readonly"


@pytest.mark.parametrize(
    ("granted", "options", "missing"),
    [
        ([READ], {}, [UPLOAD]),
        ([READ], {"first_comment": "First!"}, [UPLOAD, FORCE_SSL]),
        ([READ, UPLOAD], {"first_comment": "First!"}, [FORCE_SSL]),
        ([READ, UPLOAD], {}, []),
        ([READ, FORCE_SSL], {}, []),
        ([], {"first_comment": "First!"}, []),
    ],
    ids=["nothing", "nothing for a comment", "no comment", "needs none", "allows both", "not told"],
)
def test_what_needs_a_permission_that_was_left_out_at_the_sign_in_is_refused_in_advance(
    workspace: Workspace, granted: list[str], options: dict[str, str], missing: list[str]
) -> None:
    account = make_account(workspace, platform="youtube", name="Bakery", permissions=granted)
    post = Post(content="Bread", platform_content={"youtube": {"options": options}})

    found = [each for each in find_issues(post, [account], []) if each["rule"] == "permission_missing"]

    told = [(each["severity"], each["field"], each["limit"]) for each in found]
    assert told == ([("error", "platforms", missing)] if missing else [])


def test_a_scope_that_posting_or_replying_needs_is_asked_for() -> None:
    for name in registry.IDS:
        network = registry.get(name, sandbox=True)
        for needed in filter(None, (network.scopes_to_post, network.scopes_to_reply)):
            assert set(needed) & set(network.scopes), name


def test_an_account_whose_connection_ends_before_the_post_is_due_is_a_warning_only(
    workspace: Workspace, network: ScriptedNetwork
) -> None:
    account = make_account(
        workspace, name="Bakery", tokens=Tokens(access_token="token", ends_at=datetime(2026, 3, 1, tzinfo=UTC))
    )
    before, after = (Post(content="Bread", scheduled_at=datetime(2026, 3, day, tzinfo=UTC)) for day in (1, 2))

    check(after, [account], [])
    [issue] = find_issues(after, [account], [])

    assert find_issues(before, [account], []) == []
    assert (issue["rule"], issue["severity"]) == ("account_ends_first", "warning")
    assert issue["message"].startswith("The connection of Bakery (Facebook, companypage) ends on 2026-03-01 UTC")
    assert issue["fix"] == f"POST /api/accounts/{account.pk}/reconnect"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "is_reachable"),
    [
        ("https://post.example.com", True),
        ("https://93.184.215.14", True),
        ("http://post.example.com", False),
        ("https://localhost:8000", False),
        ("https://post", False),
        ("https://post.internal", False),
        ("https://127.0.0.1", False),
        ("https://10.1.2.3:8443", False),
        ("https://[::1]", False),
        ("https://[fd00::1]", False),
    ],
)
def test_a_network_that_fetches_files_must_be_able_to(
    settings: Settings, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, address: str, is_reachable: bool
) -> None:
    settings.PUBLIC_BASE_URL = address
    monkeypatch.setattr(ScriptedNetwork, "pulls_media", ("image",))
    account = make_account(make_workspace(mode="live"))

    with_image = find_issues(Post(content="Bread"), [account], [make_image()])

    assert [issue["rule"] for issue in with_image] == ([] if is_reachable else ["public_address_needed"])
    assert all("PUBLIC_BASE_URL" in issue["fix"] for issue in with_image)
    assert find_issues(Post(content="Bread"), [account], []) == []


@pytest.mark.django_db
@pytest.mark.parametrize(("mode", "gateway"), [("sandbox", ""), ("live", "http://gateway.local")])
def test_what_stands_for_the_networks_reaches_us(
    settings: Settings, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch, mode: str, gateway: str
) -> None:
    settings.PUBLIC_BASE_URL, settings.NETWORK_GATEWAY = "http://127.0.0.1:8000", gateway
    monkeypatch.setattr(ScriptedNetwork, "pulls_media", ("image",))
    account = make_account(make_workspace(mode=mode))

    assert find_issues(Post(content="Bread"), [account], [make_image()]) == []


LONG = {
    "links": "https://example.com/a ",
    "bare links": "a.example.com ",
    "links of other scripts": "\u00e9.fr ",
    "mentions": "@alice ",
    "hashtags": "#tag ",
    "cashtags": "$TSLA ",
    "emoji": "\U0001f600",
    "families": "\U0001f469\u200d\U0001f467",
    "accents": "a\u0301",
    "stacked accents": "\u0301\u0316",
    "newlines": "a\n",
}


@pytest.mark.parametrize("unit", LONG.values(), ids=LONG)
def test_a_long_text_for_ten_accounts_of_every_network_takes_no_time(workspace: Workspace, unit: str) -> None:
    accounts = [
        make_account(workspace, platform=each.id, remote_id=f"{each.id}{number}", default_of=None)
        for each in platforms.ALL
        for number in range(10)
    ]
    post, started = Post(content=(unit * 99_000)[:99_000]), time.thread_time()

    issues = find_issues(post, accounts, [])

    assert time.thread_time() - started < 2
    assert {issue["account_id"] for issue in issues} == {account.pk for account in accounts}


def test_a_long_text_with_many_hashtags_for_many_accounts_takes_no_time(workspace: Workspace) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(10)]
    tags = ["#" + "a" * length for length in range(1, 101)]
    post, started = Post(content=("#" + "a" * 101) * 970, hashtags=tags), time.thread_time()

    find_issues(post, accounts, [])

    assert time.thread_time() - started < 2
