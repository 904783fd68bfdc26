"""Every kind of job that there is, by its name."""

from functools import partial

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import services as accounts
from accounts.models import SocialAccount
from adminapi.jobs.kinds import Bulk, Kind, atomically
from adminapi.jobs.models import Job
from adminapi.jobs.post_actions import ACTIONS
from adminapi.jobs.prune import PRUNE
from ouipost.claims import database_now
from ouipost.events import webhooks
from ouipost.events.journal import Actor
from ouipost.events.models import Delivery, Webhook
from posts.models import Post, Schedule
from posts.schedules import services as schedules
from workspaces import users
from workspaces.keys import services as keys
from workspaces.models import ApiKey, Role, User
from workspaces.reach import deliveries_of, keys_of, lock_key, lock_webhook, require_delivery, webhooks_of


def _switched(schedule: Schedule, actor: Actor, *, is_active: bool) -> list[Post]:
    return schedules.update_schedule(schedule, values={"is_active": is_active}, actor=actor, now=database_now())


def _activated(user: User, actor: Actor, *, is_active: bool) -> User:
    return users.update_user(user, values={"is_active": is_active}, actor=actor, now=timezone.now())


def returned(drafts: list[Post]) -> str:
    """Say how many posts have no time in a changed schedule any more; empty if there are none."""
    if not drafts:
        return ""
    message = ngettext(
        "%(count)s post fits no time any more and is a draft now.",
        "%(count)s posts fit no time any more and are drafts now.",
        len(drafts),
    )
    return message % {"count": number_format(len(drafts))}


def _refreshed(account: SocialAccount, actor: Actor) -> SocialAccount:
    return accounts.refresh_account(account, actor=actor, now=timezone.now())


def _revoked(key: ApiKey, actor: Actor) -> None:
    keys.revoke_key(lock_key(key, _user_of(actor)), actor=actor, now=timezone.now())


def _redelivered(delivery: Delivery, actor: Actor) -> Delivery:
    require_delivery(delivery, _user_of(actor))
    return webhooks.redeliver(delivery, actor=actor)


def _tested(webhook: Webhook, actor: Actor) -> Delivery:
    return webhooks.send_test(lock_webhook(webhook, _user_of(actor)), actor=actor)


def _deleted(webhook: Webhook, actor: Actor) -> None:
    webhooks.delete_webhook(lock_webhook(webhook, _user_of(actor)), actor=actor, now=timezone.now())


def _user_of(actor: Actor) -> User:
    return get_object_or_404(User, pk=actor.user_id)


DISCONNECT = Bulk(
    name="accounts.disconnect",
    title=_("Disconnect"),
    model=SocialAccount,
    perform=atomically(lambda account, actor: accounts.disconnect(account, actor=actor, now=database_now())),
    asks_network=True,
    look="op-danger",
)
REFRESH = Bulk(
    name="accounts.refresh",
    title=_("Refresh"),
    model=SocialAccount,
    perform=lambda account, actor, _key, then: then(_refreshed(account, actor)),  # doing it twice does no harm
    asks_network=True,
)
REDELIVER = Bulk(
    name="deliveries.redeliver",
    title=_("Send again"),
    model=Delivery,
    rows=deliveries_of,
    perform=atomically(_redelivered),
)
TEST_WEBHOOKS = Bulk(
    name="webhooks.test",
    title=_("Send a test"),
    model=Webhook,
    rows=webhooks_of,
    perform=atomically(_tested),
)
DELETE_WEBHOOKS = Bulk(
    name="webhooks.delete",
    title=_("Delete"),
    model=Webhook,
    rows=webhooks_of,
    perform=atomically(_deleted),
    look="op-danger",
)
HOLD = Bulk(
    name="schedules.hold",
    title=_("Put on hold"),
    model=Schedule,
    perform=atomically(partial(_switched, is_active=False)),
    tell=returned,
)
RESUME = Bulk(
    name="schedules.resume",
    title=_("Resume"),
    model=Schedule,
    perform=atomically(partial(_switched, is_active=True)),
    tell=returned,
)
DELETE_SCHEDULES = Bulk(
    name="schedules.delete",
    title=_("Delete"),
    model=Schedule,
    perform=atomically(lambda schedule, actor: schedules.delete_schedule(schedule, actor=actor, now=database_now())),
    look="op-danger",
)
REVOKE_KEYS = Bulk(
    name="keys.revoke",
    title=_("Revoke"),
    model=ApiKey,
    rows=keys_of,
    perform=atomically(_revoked),
    look="op-danger",
)
ACTIVATE = Bulk(
    name="users.activate",
    title=_("Activate"),
    model=User,
    rows=lambda _user: User.objects.all(),
    perform=atomically(partial(_activated, is_active=True)),
)
DEACTIVATE = Bulk(
    name="users.deactivate",
    title=_("Deactivate"),
    model=User,
    rows=lambda _user: User.objects.all(),
    perform=atomically(partial(_activated, is_active=False)),
)
KINDS: tuple[Kind, ...] = (
    *ACTIONS,
    *(DISCONNECT, REFRESH, REDELIVER, TEST_WEBHOOKS, DELETE_WEBHOOKS, HOLD, RESUME, DELETE_SCHEDULES),
    *(REVOKE_KEYS, ACTIVATE, DEACTIVATE, PRUNE),
)
BY_NAME = {kind.name: kind for kind in KINDS}
"""All kinds by name; a job of a newer version may be of another kind."""


def open_to(user: User) -> "QuerySet[Job]":
    """Match the jobs that a user may see and stop: their own, or for an administrator all that they might begin."""
    theirs = Q(user_id=user.pk)
    if user.role == Role.ADMIN:
        theirs |= Q(kind__in=[kind.name for kind in KINDS if kind.permission in user.granted])
    return Job.objects.filter(theirs)
