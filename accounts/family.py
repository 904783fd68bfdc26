"""The accounts of a workspace at one network, one of which is the default."""

from accounts.models import SocialAccount


def lock_family(workspace_id: str, platform: str) -> list[SocialAccount]:
    """Lock the accounts of a workspace at one network, at most one of which is the default, and return them.

    The workspace is not locked: publishing or writing a post holds a shared lock of its row together with the accounts.
    `connecting.connect` locks it if there is no default: no such post holds one of these accounts then.
    """
    family = SocialAccount.objects.filter(workspace=workspace_id, platform=platform)
    pks = list(family.values_list("pk", flat=True))  # first the keys: a locking search would lock every row it examines
    return list(SocialAccount.objects.select_for_update().filter(pk__in=pks).order_by("pk"))
