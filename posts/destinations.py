"""Turn the ids of networks and accounts that a post names into accounts and targets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from accounts import platforms, registry
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms import option_rules
from accounts.platforms.shapes import Media
from ouipost.db.locks import Overtaken, lock_shared
from ouipost.db.prepared import fetch
from ouipost.db.rows import insert_each
from ouipost.errors import DomainError, InvalidInput
from ouipost.phrases import Phrase
from posts import places, rules
from posts.models import Post, PostStatus, Target, TargetStatus
from workspaces.models import Workspace


class AccountNotConnected(DomainError):
    code = "ACCOUNT_NOT_CONNECTED"
    status = 422
    message = Phrase("No account is connected for some of the post's platforms.")


@dataclass(frozen=True, kw_only=True)
class Destinations:
    """The accounts of a post, its networks in the caller's order, and which of the ids stand for no account."""

    accounts: list[SocialAccount]
    platforms: list[str]
    missing: dict[str, str]
    """The network of each id without a connected account."""
    gone: Mapping[str, SocialAccount] = field(default_factory=dict)
    """The disconnected accounts among these, by id."""
    called_off: frozenset[str] = frozenset()
    """Accounts disconnected after the post was scheduled. Their targets stay, cancelled."""

    def warnings(self, post: Post) -> list[str]:
        """Return the present obstacles to the post at its time."""
        missing: list[str] = [_unconnected(platform, self.gone.get(name)) for name, platform in self.missing.items()]
        expired = [account for account in self.accounts if account.status == AccountStatus.EXPIRED]
        ending = [rules.ends_first(account, post.scheduled_at) for account in self.accounts if account not in expired]
        paced = [places.goes_out_later(account, post) for account in self.accounts]
        return [*missing, *self._unserved(), *map(rules.must_reconnect, expired), *filter(None, [*ending, *paced])]

    def _unserved(self) -> list[str]:
        """Warn of each network whose accounts of this post were all called off."""
        told = {account.platform for account in self.accounts} | set(self.missing.values())
        return [
            Phrase(
                "{platform} gets nothing, as its account was disconnected: to send the post there, name an account.",
                platform=platforms.NAMES[platform],
            )
            for platform in self.platforms
            if platform not in told
        ]

    def unused(self, post: Post, media: Sequence[Media]) -> list[str]:
        """Name the overrides for other destinations than the post's, and the titles that no network shows."""
        overrides = post.platform_content
        networks = {name: name for name in self.platforms} | self.missing
        networks |= {account.pk: account.platform for account in self.accounts}
        strange: list[str] = [
            Phrase("The post does not go to {id}, which platform_content names.", id=platforms.NAMES[key])
            for key in overrides
            if key not in networks
        ]
        titled = [networks[key] for key, entry in overrides.items() if key in networks and entry.get("title")]
        if not titled and not post.title:
            return strange
        recipients = [*self.accounts, *stand_ins(post.workspace, self.missing.values())]
        showing = {account.platform for account in recipients if rules.may_show_title(post, account, media)}
        strange += [_untitled(name) for name in dict.fromkeys(titled) if name not in showing]
        if post.title and not showing:
            strange.append(Phrase("No network of this post shows its title: it is left out."))
        return strange


def _unconnected(platform: str, gone: SocialAccount | None) -> str:
    if gone is None:
        name = platforms.NAMES[platform]
        return Phrase("No {platform} account is connected: connect one before the post is scheduled.", platform=name)
    return Phrase(
        "{account}, {id}, was disconnected: connect it again, or send platforms without it, by account ids.",
        account=gone.introduced,
        id=gone.pk,
    )


def _untitled(platform: str) -> str:
    name = platforms.NAMES[platform]
    return Phrase("{name} shows no title of such a post: the one in platform_content is left out.", name=name)


def stand_ins(workspace: Workspace, platforms: Iterable[str]) -> list[SocialAccount]:
    """Return unsaved accounts for networks without one, so that previews and checks work before connecting."""
    return [SocialAccount(pk=None, workspace=workspace, platform=platform) for platform in dict.fromkeys(platforms)]


def unknown_destination(name: str) -> Phrase:
    """Say that this id is unknown here, and which kinds of ids are valid."""
    return Phrase(
        "Neither a platform nor a connected account: {unknown}. The platforms are {platforms}.",
        unknown=name[:500],
        platforms=", ".join(registry.IDS),
    )


def resolve(
    workspace: Workspace, given: Sequence[str], *, overrides: Mapping[str, Any] | None = None, kept: bool = False
) -> Destinations:
    """Return the accounts for these ids; a network id means the workspace's default account there.

    Raises InvalidInput that names every id, in the ids and in the overrides, which is neither a network's nor a
    connected account's. With `kept` the ids are a stored post's: a disconnected account among them counts as missing.
    """
    named = _named(workspace.pk, given)  # at one moment, as one that is in neither of two looks would seem unknown
    accounts = _standing(named)
    for account in accounts.values():
        account.workspace = workspace
    gone = {account.pk: account for account in named if kept and not account.is_connected}
    there = gone | accounts
    unknown = {place: name for place, name in enumerate(given) if name not in {*registry.IDS, *there}}
    problems = override_problems(workspace, overrides or {})
    problems |= {f"platforms.{place}": [unknown_destination(name)] for place, name in unknown.items()}
    if problems:
        raise InvalidInput(**problems)
    chosen = [accounts[name] for name in given if name in accounts]
    networks = [there[name].platform if name in there else name for name in given]
    return Destinations(
        accounts=list({account.pk: account for account in chosen}.values()),
        platforms=list(dict.fromkeys(networks)),
        missing={name: platform for name, platform in zip(given, networks, strict=True) if name not in accounts},
        gone=gone,
    )


def standing(workspace_id: str, given: Iterable[str]) -> dict[str, SocialAccount]:
    """Return the connected accounts that ids of networks and accounts stand for, by these; others have none."""
    return _standing(_named(workspace_id, given))


def _standing(named: Iterable[SocialAccount]) -> dict[str, SocialAccount]:
    connected = [account for account in named if account.is_connected]
    defaults = {account.default_of: account for account in connected if account.default_of}
    return defaults | {account.pk: account for account in connected}


def await_standing(workspace_id: str, given: Collection[str]) -> dict[str, SocialAccount]:
    """Return what `standing` does, after waiting for accounts that are just being connected for ids that have none.

    Connecting an account gives it to the committed drafts that name it or its network. It locks the account first, or
    the workspace if the network has no default account. The caller's transaction takes the same locks here: until its
    end no further account can be connected that its draft would miss.
    """
    accounts = standing(workspace_id, given)
    absent = set(given) - accounts.keys()
    if not absent or not connection.features.has_select_for_update:  # SQLite has one writer at a time
        return accounts
    lock_shared(Workspace.objects.filter(pk=workspace_id))
    lock_shared(SocialAccount.objects.filter(pk__in=absent))
    return standing(workspace_id, given)


def _named(workspace_id: str, given: Iterable[str]) -> list[SocialAccount]:
    """Return the accounts that these ids stand for, or stood for before they were disconnected."""
    return fetch(_by_id, workspace=workspace_id, given=list(given))


def _by_id(*, workspace: Any, given: Any) -> QuerySet[SocialAccount]:
    """Return the query for the accounts that these ids stand for, connected or not."""
    return SocialAccount.objects.filter(Q(pk__in=given) | Q(default_of__in=given), workspace=workspace)


def names_accounts(given: Iterable[str]) -> bool:
    """Return whether any of these ids is not a network's."""
    return not set(given) <= set(registry.IDS)


def meant_anew(post: Post, given: Collection[str]) -> frozenset[str]:
    """Return the networks in a changed list that mean their default accounts, as the post goes to no account there.

    Those that are just the post's, as answers show them, mean nothing new: a client may send back what it got.
    """
    if set(given) == set(post.platforms):
        return frozenset()
    goes_to = Target.objects.active().filter(post=post, account__disconnected_at=None)
    return frozenset(given) - frozenset(goes_to.values_list("platform", flat=True))


def kept(post: Post, given: Sequence[str], *, anew: Collection[str]) -> list[str]:
    """Return the destinations for these networks of a post: it keeps its accounts, but not at networks meant anew.

    API answers show networks only, so a network that a client sends back means the post's present accounts there.
    """
    accounts = SocialAccount.objects.filter(pk__in=post.destinations).values_list("pk", "platform")
    networks = {name: name for name in post.destinations} | dict(accounts)
    stay = [name for name in post.destinations if name in given or networks[name] in set(given) - set(anew)]
    there = {networks[name] for name in stay}
    return [*stay, *(name for name in given if name not in there)]


def of(post: Post, *, overrides: Mapping[str, Any] | None = None, anew: Collection[str] = ()) -> Destinations:
    """Return where a post goes: to the accounts of its targets, even if the network's default has changed since.

    A network meant `anew` is its default account. A disconnected account of a scheduled post is not replaced and does
    not hold the post up: its target was cancelled.
    """
    found = resolve(post.workspace, _as_placed(post, anew), overrides=overrides, kept=True)
    if post.status == PostStatus.DRAFT:
        return found
    missing = {name: platform for name, platform in found.missing.items() if name == platform}
    return replace(found, missing=missing, called_off=frozenset(found.missing) - frozenset(missing))


def going_to(post: Post, *, overrides: Mapping[str, Any] | None = None, anew: Collection[str] = ()) -> Destinations:
    """Return where a post goes as it stands: what was called off stays so, also if the account is connected again.

    At a network meant `anew` it is not called off any more.
    """
    found = of(post, overrides=overrides, anew=anew)
    if post.status == PostStatus.DRAFT:
        return found
    cancelled = Target.objects.placed().filter(post=post, status=TargetStatus.CANCELLED).exclude(platform__in=anew)
    called_off = {account.pk for account in found.accounts} & set(cancelled.values_list("account", flat=True))
    accounts = [account for account in found.accounts if account.pk not in called_off]
    return replace(found, accounts=accounts, called_off=found.called_off | called_off)


def _as_placed(post: Post, anew: Collection[str]) -> list[str]:
    """Return the post's destinations, with each network replaced by the account that the post has or had there."""
    rows = Target.objects.placed().filter(post=post).exclude(platform__in=anew).order_by("-pk")
    if post.status == PostStatus.DRAFT:  # nothing is called off there
        rows = rows.active().filter(account__disconnected_at=None)
    targets = rows.values_list("platform", "account", "status", "account__disconnected_at")
    accounts: dict[str, str] = {}
    for platform, account, *_ in sorted(targets, key=lambda each: _stands_for_network(post, *each[1:])):
        accounts[platform] = account  # the last one wins
    return [accounts.get(name, name) for name in post.destinations]


def _stands_for_network(post: Post, account: str, status: str, disconnected_at: datetime | None) -> tuple[bool, bool]:
    """Return a sort key for the account that stands for its network: best if not named itself, and still there."""
    is_there = status != TargetStatus.CANCELLED and disconnected_at is None
    return account not in post.destinations, is_there


def override_problems(workspace: Workspace, platform_content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, by field, every override for an unknown account or with an invalid option."""
    accounts = {key for key in platform_content if key not in registry.IDS}
    if not accounts:
        return {}
    connected = SocialAccount.objects.connected().filter(workspace=workspace, pk__in=accounts)
    networks = dict(connected.values_list("pk", "platform"))
    problems: dict[str, list[str]] = {
        f"platform_content.{key}": [Phrase("No such connected account.")] for key in accounts - set(networks)
    }
    for key, platform in networks.items():
        kinds = registry.get(platform).option_kinds()
        unreadable = option_rules.unreadable(platform_content[key].get("options", {}), kinds)
        problems |= {f"platform_content.{key}.options.{name}": told for name, told in unreadable.items()}
    return problems


def place(post: Post, destinations: Destinations) -> list[Target]:
    """Give the post exactly one target per account, keep the existing ones, and return them.

    Targets of called-off accounts stay as well. A target that is put back still knows what was sent.
    """
    present = {target.account_id: target for target in post.targets.all()}
    wanted = {account.pk for account in destinations.accounts}
    stay = wanted | destinations.called_off
    Target.objects.filter(pk__in=[target.pk for key, target in present.items() if key not in stay]).take_out()
    back = [target.pk for key, target in present.items() if key in wanted and target.is_taken_out]
    Target.objects.filter(pk__in=back).update(status=TargetStatus.DRAFT)
    place_new(post, [account for account in destinations.accounts if account.pk not in present])
    return list(Target.objects.filter(post=post, account__in=wanted).order_by("pk"))


def place_new(post: Post, accounts: Iterable[SocialAccount]) -> list[Target]:
    """Create targets of a post for accounts that have none."""
    targets = [Target(post=post, account=account, platform=account.platform) for account in accounts]
    insert_each(targets)
    return targets


def require_all(destinations: Destinations) -> None:
    """Raise AccountNotConnected if a network of the post has no account, Overtaken if one was disconnected just now.

    Disconnecting an account locks the posts of all its targets that are not published, and cancels the unsent ones.
    Writing new targets locks their accounts' rows, but an account could go just before, so this looks again. A draft
    may keep such a target: it is checked before sending.
    """
    if destinations.missing or not destinations.accounts:
        absent = list(destinations.missing) or sorted(destinations.called_off)
        gone = Phrase("Accounts that the post names were disconnected: connect them again, or leave them out.")
        raise AccountNotConnected(gone if names_accounts(absent) else None, platforms=absent)
    if not connection.features.has_select_for_update:  # SQLite has one writer at a time
        return
    if fetch(_gone, pks=[account.pk for account in destinations.accounts]):
        raise Overtaken("An account was disconnected.")


def require_standing(post: Post, targets: Iterable[Target]) -> None:
    """Raise Overtaken if a new draft's ids stand for other accounts than those of its targets.

    A change of the default moves the drafts that are committed; it does not see one that is being written.
    """
    if not connection.features.has_select_for_update:  # SQLite has one writer at a time
        return
    accounts = standing(post.workspace_id, post.destinations).values()
    if {account.pk for account in accounts} != {target.account_id for target in targets}:
        raise Overtaken("Another account became the default.")


def _gone(*, pks: Any) -> "QuerySet[SocialAccount, Any]":
    """Return the query for the disconnected accounts among these."""
    return SocialAccount.objects.exclude(disconnected_at=None).filter(pk__in=pks).values_list("pk")
