"""The troubles of a connected account, and their remedies, in words for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts import pauses, registry
from accounts.models import AccountStatus, Pause, SocialAccount
from adminapi.console.columns import moment
from ouipost.translating import translated
from posts.expiring import SOON


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An obstacle that keeps posts from going out, or soon will."""

    what: str
    remedy: str
    is_bad: bool = True
    can_sign_in: bool = False
    """True if signing in again helps."""


def troubles_of(account: SocialAccount, paused: list[Pause], *, now: datetime) -> list[Trouble]:
    """Return all troubles of an account, first those that stop it altogether."""
    if not account.is_connected:
        what = _("It was disconnected on %(day)s.") % {"day": moment(account.disconnected_at)}
        return [Trouble(what=what, remedy=_("To post to it again, connect it again: it gets back its place."))]
    return [
        *_of_the_connection(account),
        *_of_its_end(account, now),
        *_of_permissions(account),
        *_of_pauses(account, paused, now),
    ]


def _of_the_connection(account: SocialAccount) -> Iterator[Trouble]:
    said = translated((account.last_error or {}).get("message", ""))
    if account.status == AccountStatus.EXPIRED:
        what = said or _("The network no longer accepts its token.")
        remedy = _("The account's owner has to sign in again. Scheduled posts that come due before that fail.")
        yield Trouble(what=what, remedy=remedy, can_sign_in=True)
    elif account.status == AccountStatus.ERROR:
        remedy = _("It is tried again by itself. If it stays so, refresh it, and then sign in again.")
        yield Trouble(what=said or _("The account cannot be read."), remedy=remedy, can_sign_in=True)
    elif said:
        remedy = _("Posts still go out. It is tried again by itself; refresh it to try now.")
        yield Trouble(what=said, remedy=remedy, is_bad=False)


def _of_its_end(account: SocialAccount, now: datetime) -> Iterator[Trouble]:
    ends = account.expires_at
    if account.status == AccountStatus.EXPIRED or ends is None or ends > now + SOON:
        return
    text = _("The connection has ended on %(day)s.") if ends <= now else _("The connection ends on %(day)s.")
    remedy = _("The account's owner has to sign in again: we cannot renew it.")
    yield Trouble(what=text % {"day": moment(ends)}, remedy=remedy, is_bad=ends <= now, can_sign_in=True)


def _of_permissions(account: SocialAccount) -> Iterator[Trouble]:
    if missing := registry.scopes_missing(account):
        what = _("Not granted: %(scopes)s.") % {"scopes": ", ".join(missing)}
        remedy = _("What needs it will fail. Sign in again and allow it.")
        yield Trouble(what=what, remedy=remedy, is_bad=False, can_sign_in=True)


def _of_pauses(account: SocialAccount, paused: list[Pause], now: datetime) -> Iterator[Trouble]:
    if holding := pauses.all_holding(paused, account.pk, account.platform, account.workspace_id):
        remedy = _("What waits goes out when an operator resumes it, and is not late for it.")
        yield Trouble(what=translated(pauses.describe_all(holding)), remedy=remedy, is_bad=False)
    if account.held_until is not None and account.held_until > now:
        what = _("The network asks us to wait until %(time)s.") % {"time": moment(account.held_until)}
        yield Trouble(what=what, remedy=_("Nothing to do: it goes on by itself."), is_bad=False)
