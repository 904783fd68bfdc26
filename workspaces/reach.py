"""The rows that a user can reach: those of their workspaces, and the keys and webhooks limited to these.

A user may name the same workspaces for a key or a webhook.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.shortcuts import get_object_or_404

from ouipost.errors import InvalidInput
from ouipost.events import webhooks
from ouipost.events.models import Delivery, Event, Message, Webhook, WebhookQuerySet
from ouipost.phrases import Phrase
from workspaces.keys import services as keys
from workspaces.models import ApiKey, ApiKeyQuerySet, KeyMode, Mode, Role, User, Workspace

R = TypeVar("R", ApiKeyQuerySet, WebhookQuerySet)
MANAGE_KEYS = "api_keys.manage"


def limited_to(rows: "QuerySet[Any]", user: User, *, lookup: str = "workspace") -> "QuerySet[Any]":
    """Keep the rows of a user's workspaces; an administrator's are all that are not being removed."""
    if user.role == Role.ADMIN:
        going = Workspace.objects.exclude(deleted_at=None)  # mostly none: a join would make a list read every row
        return rows.exclude(**{f"{lookup}__in": going})
    return rows.filter(**{f"{lookup}__in": Workspace.objects.open_to(user)})


def keys_of(user: User) -> ApiKeyQuerySet:
    """Match the keys that a user manages: all for an administrator, for others those limited to their workspaces."""
    return _for_theirs_alone(ApiKey.objects.present(), user)


def lock_key(key: ApiKey, user: User) -> ApiKey:
    """Return a key's row, locked; raises Http404 if it was revoked, or if the user manages it no more."""
    locked = keys.lock(key)
    if user.role != Role.ADMIN:
        get_object_or_404(keys_of(user).only("pk"), pk=locked.pk)
    return locked


def managers_of(key: ApiKey) -> list[str]:
    """Return the ids of a limited key's managers, members of all its workspaces, without administrators."""
    listed = Workspace.objects.present().filter(pk__in=key.workspace_ids)
    others = User.objects.exclude(role=Role.ADMIN).filter(memberships__workspace__in=listed)
    everywhere = others.annotate(places=Count("memberships")).filter(places=listed.count()).order_by("pk")
    return [user.pk for user in everywhere if MANAGE_KEYS in user.granted_in_order]


def webhooks_of(user: User) -> WebhookQuerySet:
    """Match the webhooks that a user manages, by the same rule as for keys."""
    return _for_theirs_alone(Webhook.objects.present(), user)


def lock_webhook(webhook: Webhook, user: User) -> Webhook:
    """Return a webhook's row, locked; raises Http404 if it was deleted, or if the user manages it no more."""
    locked = webhooks.lock(webhook)
    if user.role != Role.ADMIN:
        get_object_or_404(webhooks_of(user).only("pk"), pk=locked.pk)
    return locked


def deliveries_of(user: User) -> "QuerySet[Delivery]":
    """Match the deliveries to the webhooks that a user manages, if they are about the user's workspaces."""
    if user.role == Role.ADMIN:
        return Delivery.objects.exclude(webhook__in=Webhook.objects.exclude(deleted_at=None))
    return about_theirs(Delivery.objects.filter(webhook__in=webhooks_of(user)), user)


def require_delivery(delivery: Delivery, user: User) -> None:
    """Raise Http404 if a user reaches a delivery no more: its webhook's row stays locked meanwhile.

    An administrator reaches all, and nothing is locked.
    """
    if user.role != Role.ADMIN:
        webhook = webhooks.lock(Webhook(pk=delivery.webhook_id))
        get_object_or_404(deliveries_of(user).only("pk"), pk=delivery.pk, webhook=webhook)


def about_theirs(deliveries: "QuerySet[Delivery]", user: User) -> "QuerySet[Delivery]":
    """Leave out deliveries about other workspaces, which the webhook once covered too; an administrator sees all."""
    if user.role == Role.ADMIN:
        return deliveries
    theirs = Q(workspace_id__in=Workspace.objects.open_to(user).values("pk")) | Q(workspace_id="")
    return deliveries.filter(Exists(Message.objects.filter(theirs, pk=OuterRef("message"))))


def visible_to(events: "QuerySet[Event]", user: User) -> "QuerySet[Event]":
    """Keep the events of the journal that a user may see; an administrator sees all."""
    if user.role == Role.ADMIN:
        return events
    return events.filter(workspace_id__in=list(Workspace.objects.open_to(user).values_list("pk", flat=True)))


def is_too_wide(workspace_ids: Collection[str], user: User) -> bool:
    """Whether something for these workspaces (none: for all of them) reaches further than the user may."""
    return not workspace_ids and user.role != Role.ADMIN


def require_narrow(workspace_ids: Collection[str], user: User) -> None:
    """Raise InvalidInput if something for these workspaces reaches further than the user may."""
    if is_too_wide(workspace_ids, user):
        raise InvalidInput(workspaces=[Phrase("Name workspaces of yours: without any, it would be for all of them.")])


def key_columns(values: Mapping[str, Any], *, mode: str, user: User, present: Collection[str] = ()) -> dict[str, Any]:
    """Return the columns to store of a key; raises InvalidInput for workspaces that the user may not name for it.

    Only an administrator makes keys for all.
    """
    if "workspaces" not in values:
        return dict(values)
    given = values["workspaces"]
    require_narrow(given, user)
    require_theirs(given, user, present=present, mode=mode)
    return _limited(values, dict.fromkeys(given))


def webhook_columns(values: Mapping[str, Any], *, user: User, present: Sequence[str] = ()) -> dict[str, Any]:
    """Return the columns to store of a webhook; raises InvalidInput for workspaces that the user may not name for it.

    Only an administrator's webhooks may get the events of all, or keep a workspace that was deleted meanwhile.
    """
    given = values.get("workspaces", present)
    require_theirs(given, user, present=present)
    kept = _theirs(list(dict.fromkeys(given)), user)
    require_narrow(kept, user)
    is_same = "workspaces" not in values and kept == list(present)
    return dict(values) if is_same else _limited(values, kept)


def require_theirs(
    workspace_ids: Sequence[str], user: User, *, present: Collection[str] = (), mode: str = KeyMode.LIVE
) -> None:
    """Raise InvalidInput for each workspace that is not the user's, or that a key of this mode may not see.

    The `present` workspaces may be sent back, even if one was deleted meanwhile.
    """
    modes = dict(Workspace.objects.open_to(user).filter(pk__in=workspace_ids).values_list("pk", "mode"))
    problems = {}
    for place, pk in enumerate(workspace_ids):
        if pk in present:
            continue
        if pk not in modes:
            problems[f"workspaces.{place}"] = [Phrase("There is no such workspace: {named}.", named=pk)]
        elif mode == KeyMode.TEST and modes[pk] != Mode.SANDBOX:
            problems[f"workspaces.{place}"] = [Phrase("A test key sees sandbox workspaces only.")]
    if problems:
        raise InvalidInput(**problems)


def _theirs(workspace_ids: Sequence[str], user: User) -> list[str]:
    """Return the listed ids that a user may reach: all for an administrator, for others no deleted workspace.

    Otherwise a webhook for one of their workspaces and a deleted one would send them events of the deleted one.
    """
    if user.role == Role.ADMIN:
        return list(workspace_ids)
    own = set(Workspace.objects.open_to(user).filter(pk__in=workspace_ids).values_list("pk", flat=True))
    return [pk for pk in workspace_ids if pk in own]


def _limited(values: Mapping[str, Any], workspace_ids: Iterable[str]) -> dict[str, Any]:
    """Return the values with these workspaces under the name of their column."""
    others = {name: value for name, value in values.items() if name != "workspaces"}
    return others | {"workspace_ids": list(workspace_ids)}


def _for_theirs_alone(rows: R, user: User) -> R:
    """Keep the rows that are limited to the user's workspaces; deleted workspaces do not count."""
    if user.role == Role.ADMIN:
        return rows
    own = Workspace.objects.open_to(user).values_list("pk", flat=True)
    return rows.filter(pk__in=for_alone(own, dict(rows.values_list("pk", "workspace_ids"))))


def for_alone(own: Iterable[str], named: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the ids of the rows limited to the workspaces in `own`; `named` maps a row's id to its workspaces.

    Deleted workspaces do not count.
    """
    mine = set(own)
    not_mine = set().union(*named.values()) - mine
    others = set(Workspace.objects.present().filter(pk__in=not_mine).values_list("pk", flat=True)) if not_mine else ()
    return [pk for pk, ids in named.items() if mine.intersection(ids) and not set(ids).intersection(others)]
