"""Where a post goes: turns ids of networks and accounts into accounts and targets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from accounts import platforms, registry
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms import option_rules
from accounts.platforms.base import Media
from ouipost.db.locks import Overtaken
from ouipost.db.prepared import fetch
from ouipost.db.rows import insert_each
from ouipost.errors import DomainError, InvalidInput
from ouipost.phrases import Phrase
from posts import rules
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
    """The network of each id that has no account, or none any more."""
    called_off: frozenset[str] = frozenset()
    """Accounts that were disconnected after the post was scheduled: their targets stay, and nothing goes there."""

    def warnings(self, at: datetime | None) -> list[str]:
        """Return what keeps the post from going out at its time, as things are."""
        missing: list[str] = [_unconnected(name, platform) for name, platform in self.missing.items()]
        expired = [account for account in self.accounts if account.status == AccountStatus.EXPIRED]
        ending = [rules.ends_first(account, at) for account in self.accounts if account not in expired]
        return [*missing, *map(rules.must_reconnect, expired), *filter(None, ending)]

    def unused(self, post: Post, media: Sequence[Media]) -> list[str]:
        """Say which overrides are for where the post does not go, and which titles no network shows of such a post."""
        overrides = post.platform_content
        networks = {name: name for name in self.platforms} | self.missing
        networks |= {account.pk: account.platform for account in self.accounts}
        strange: list[str] = [
            Phrase("The post does not go to {id}, which platform_content names.", id=key)
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


def _unconnected(name: str, platform: str) -> str:
    if name == platform:
        return Phrase("No {platform} account is connected: connect one before the post is scheduled.", platform=name)
    return Phrase(
        "The account {id} was disconnected: connect it again, or send platforms without it, by account ids.", id=name
    )


def _untitled(platform: str) -> str:
    name = platforms.NAMES[platform]
    return Phrase("{name} shows no title of such a post: the one in platform_content is left out.", name=name)


def stand_ins(workspace: Workspace, platforms: Iterable[str]) -> list[SocialAccount]:
    """Return, for networks without an account, rows that are never stored: what they would get can be told already."""
    return [SocialAccount(pk=None, workspace=workspace, platform=platform) for platform in dict.fromkeys(platforms)]


def unknown_destinations(unknown: Iterable[str]) -> Phrase:
    """Say that these ids stand for nothing here, and what would."""
    return Phrase(
        "Neither a platform nor a connected account: {unknown}. The platforms are {platforms}.",
        unknown=", ".join(unknown)[:500],
        platforms=", ".join(registry.IDS),
    )


def known_among(workspace: Workspace, given: Iterable[str]) -> set[str]:
    """Return the ids that are a network's or a connected account's."""
    connected = SocialAccount.objects.connected().filter(workspace=workspace, pk__in=given)
    return {*registry.IDS, *connected.values_list("pk", flat=True)}


def resolve(
    workspace: Workspace, given: Sequence[str], *, overrides: Mapping[str, Any] | None = None, kept: bool = False
) -> Destinations:
    """Return what the ids stand for: a network id means the workspace's default account there.

    Raises InvalidInput that names every id which is neither a network's nor a connected account's, in the ids and in
    the overrides. Ids that a post has `kept` were known once: an account of them that was disconnected is missing.
    """
    accounts = fetch(_named, workspace=workspace.pk, given=list(given))
    known = {account.pk: account for account in accounts}
    defaults = {account.default_of: account for account in accounts if account.default_of}
    gone = _disconnected(workspace, given) if kept else {}
    unknown = [name for name in given if name not in {*registry.IDS, *known, *gone}]
    problems = override_problems(workspace, overrides or {})
    if unknown:
        problems["platforms"] = [unknown_destinations(unknown)]
    if problems:
        raise InvalidInput(**problems)
    chosen = [account for name in given if (account := defaults.get(name) or known.get(name))]
    networks = [known[name].platform if name in known else gone.get(name, name) for name in given]
    for account in chosen:
        account.workspace = workspace
    return Destinations(
        accounts=list({account.pk: account for account in chosen}.values()),
        platforms=list(dict.fromkeys(networks)),
        missing={
            name: platform
            for name, platform in zip(given, networks, strict=True)
            if name not in defaults and name not in known
        },
    )


def _named(*, workspace: Any, given: Any) -> QuerySet[SocialAccount]:
    """Return the query for the connected accounts that these ids stand for."""
    named = Q(pk__in=given) | Q(default_of__in=given)
    return SocialAccount.objects.connected().filter(named, workspace=workspace)


def _disconnected(workspace: Workspace, given: Sequence[str]) -> dict[str, str]:
    """Return the networks of those accounts that were disconnected."""
    accounts = SocialAccount.objects.filter(workspace=workspace, pk__in=given).exclude(disconnected_at=None)
    return dict(accounts.values_list("pk", "platform"))


def names_accounts(given: Iterable[str]) -> bool:
    """Whether there are other ids than those of networks among these."""
    return not set(given) <= set(registry.IDS)


def kept(post: Post, given: Sequence[str]) -> list[str]:
    """Return the destinations for these networks of a post; where it goes there already, its accounts stay as they are.

    Answers show networks alone, so one that comes back stands for whatever accounts the post has there.
    """
    accounts = SocialAccount.objects.filter(pk__in=post.destinations).values_list("pk", "platform")
    networks = {name: name for name in post.destinations} | dict(accounts)
    stay = [name for name in post.destinations if networks[name] in given]
    return [*stay, *(name for name in given if name not in networks.values())]


def of(post: Post, *, overrides: Mapping[str, Any] | None = None) -> Destinations:
    """Return where a post goes; once it was scheduled it keeps its accounts, even if the default is another one by now.

    One of them that was disconnected is not replaced, and keeps the post from nothing: it was called off there.
    """
    if post.status == PostStatus.DRAFT:
        return resolve(post.workspace, post.destinations, overrides=overrides, kept=True)
    found = resolve(post.workspace, _as_placed(post), overrides=overrides, kept=True)
    missing = {name: platform for name, platform in found.missing.items() if name == platform}
    return replace(found, missing=missing, called_off=frozenset(found.missing) - frozenset(missing))


def _as_placed(post: Post) -> list[str]:
    """Return the destinations of a post, with the account that it has, or had, in the place of each network."""
    rows = Target.objects.placed().filter(post=post).order_by("-pk")
    targets = rows.values_list("platform", "account", "status", "account__disconnected_at")
    accounts: dict[str, str] = {}
    for platform, account, *_ in sorted(targets, key=lambda each: _stands_for_network(post, *each[1:])):
        accounts[platform] = account  # the last one wins
    return [accounts.get(name, name) for name in post.destinations]


def _stands_for_network(post: Post, account: str, status: str, disconnected_at: datetime | None) -> tuple[bool, bool]:
    """Return how well an account stands for the id of its network: best if not named itself, and still there."""
    is_there = status != TargetStatus.CANCELLED and disconnected_at is None
    return account not in post.destinations, is_there


def override_problems(workspace: Workspace, platform_content: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, by field, every override that is for no account of the workspace, or has an option that cannot be."""
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
    """Make the post's targets those of these accounts, keeping the ones that are there; returns them.

    Those of accounts at which the post was called off stay as well. One that is put back knows what was sent of it.
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
    """Give a post targets for accounts that it has none for."""
    targets = [Target(post=post, account=account, platform=account.platform) for account in accounts]
    insert_each(targets)
    return targets


def require_all(destinations: Destinations) -> None:
    """Raise AccountNotConnected when a network of the post has no account, and Overtaken when one goes right now.

    Whoever disconnects an account locks the posts of all targets that may be unsent, and calls these off. What is
    written anew locks the account's row: once it is there the account cannot go; before that, it could. A draft may
    keep such a target: it is asked again before it goes out.
    """
    if destinations.missing or not destinations.accounts:
        absent = list(destinations.missing) or sorted(destinations.called_off)
        gone = Phrase("Accounts that the post names were disconnected: connect them again, or leave them out.")
        raise AccountNotConnected(gone if names_accounts(absent) else None, platforms=absent)
    if not connection.features.has_select_for_update:  # SQLite has one writer at a time
        return
    if fetch(_gone, pks=[account.pk for account in destinations.accounts]):
        raise Overtaken("An account was disconnected.")


def _gone(*, pks: Any) -> "QuerySet[SocialAccount, Any]":
    """Return the query for those of these accounts that were disconnected."""
    return SocialAccount.objects.exclude(disconnected_at=None).filter(pk__in=pks).values_list("pk")
