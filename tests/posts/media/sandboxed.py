"""Posts with a file at the simulated networks."""

from datetime import timedelta

from accounts.models import SocialAccount
from adminapi.management.client import Client
from ouipost.claims import database_now
from posts.models import Target
from tests.conftest import ApiClient
from tests.contract.world import upload
from tests.factories import make_post
from tests.posts.fakes import publish
from tests.product import wait_for


def make_due(client: Client, api: ApiClient, network: str, content: bytes) -> Target:
    """Connect an account, and write a post with this file that is to go there for six hours from now on."""
    client.connect(network)
    account = SocialAccount.objects.select_related("workspace").get()
    own = {"tiktok": {"options": {"privacy_level": "PUBLIC_TO_EVERYONE"}}}
    workspace, status = account.workspace, "scheduled"
    post = make_post(workspace, accounts=[account], content="Fresh bread", status=status, platform_content=own)
    assert upload(api, post, content).status_code == 201
    Target.objects.filter(post=post).update(status="publishing", give_up_at=database_now() + timedelta(hours=6))
    return Target.objects.get(post=post)


def published(target: Target) -> Target:
    """Go on until the network has worked on what it was given."""

    def settled() -> Target | None:
        done = publish(target)
        return done if done.status != "publishing" else None

    return wait_for(settled, what="the network")
