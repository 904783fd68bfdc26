"""A person who may not do everything on a Facebook Page, by the product and the simulated Facebook."""

from typing import Any

import pytest

from accounts import tokens
from accounts.models import SocialAccount
from adminapi.management.client import Client, ClientError
from ouipost.claims import database_now
from ouipost.simulator import models as networks
from posts.models import Target
from tests.networks.working_off import work_off

pytestmark = pytest.mark.django_db(databases="__all__")


def publish(client: Client, account: dict[str, Any], **body: Any) -> Target:
    """Publish a post to this account and return its target once it is settled."""
    asked = {"content": "Rye", "platforms": [account["id"]]} | body
    post = client.call("POST", "/api/posts", json=asked)["post"]
    client.call("POST", f"/api/posts/{post['id']}/publish", headers={"Prefer": "wait=0"})
    return work_off(Target.objects.get(post=post["id"]))


def change_role(account: dict[str, Any], name: str) -> None:
    """Let the Page's administrator give the person who connected it another role."""
    person = SocialAccount.objects.get(pk=account["id"]).metadata["user_id"]
    networks.Account.objects.filter(network="facebook", external_id=person).update(name=name)


def test_who_may_publish_to_no_page_is_told_which_pages_to_tick(client: Client) -> None:
    with pytest.raises(ClientError, match="on which this person may create content"):
        client.connect("facebook", "Ada Analyst")

    assert not SocialAccount.objects.exists()


def test_a_post_of_who_may_not_publish_any_more_fails_at_once_and_other_accounts_go_on(client: Client) -> None:
    page, other = client.connect("facebook", "Ada"), client.connect("facebook", "Bob")
    change_role(page, "Ada Moderator")

    failed = publish(client, page)

    assert (failed.status, failed.outcome_unknown, failed.sends) == ("failed", False, 1)
    assert (failed.error["code"], failed.error["who_acts"]) == ("TOKEN_REVOKED", "account_owner")
    assert publish(client, other).status == "published"
    assert networks.Post.objects.count() == 1


def test_a_post_without_its_first_comment_is_out_and_the_next_one_goes_out(client: Client) -> None:
    page = client.connect("facebook", "Ada Author")
    options = {"facebook": {"options": {"first_comment": "Recipe"}}}

    left = publish(client, page, platform_content=options)

    assert (left.error["code"], left.error["who_acts"]) == ("TOKEN_REVOKED", "account_owner")
    assert SocialAccount.objects.get(pk=page["id"]).status == "active"
    assert publish(client, page, content="Wheat").status == "published"
    assert sorted(networks.Post.objects.values_list("text", flat=True)) == ["Rye", "Wheat"]


def test_a_post_that_failed_for_a_missing_task_goes_out_once_it_is_given_back(client: Client) -> None:
    page = client.connect("facebook", "Ada")
    change_role(page, "Ada Moderator")
    failed = publish(client, page)
    again = publish(client, page, content="Wheat")
    change_role(page, "Ada")

    client.call("POST", f"/api/posts/{failed.post_id}/retry", headers={"Prefer": "wait=0"})

    assert (again.status, again.sends, work_off(failed).status) == ("failed", 1, "published")
    assert SocialAccount.objects.get(pk=page["id"]).status == "active"
    assert networks.Post.objects.get().text == "Rye"


def test_an_account_whose_person_may_not_publish_any_more_expires_when_it_is_renewed(client: Client) -> None:
    page = client.connect("facebook", "Ada")
    change_role(page, "Ada Moderator")
    SocialAccount.objects.update(due_at=database_now())

    tokens.refresh_due()

    account = SocialAccount.objects.get(pk=page["id"])
    assert (account.status, account.last_error["code"]) == ("expired", "TOKEN_REVOKED")
    assert "may no longer publish to the Facebook Page" in account.last_error["message"]
