"""An installation with one row at least of everything that the console shows."""

from ouipost.events.journal import SYSTEM, record
from tests.analytics.readings import publish
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_key,
    make_media,
    make_post,
    make_schedule,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.models import Membership


def make_world() -> None:
    """Write the rows."""
    workspace = make_workspace()
    make_key()
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW)
    make_media(post)
    make_schedule(workspace)
    Membership.objects.create(workspace=workspace, user=make_user(email="member@example.com"))
    record("updated", post, actor=SYSTEM)
    publish(account, at=NOW)
    make_delivery(make_webhook())
