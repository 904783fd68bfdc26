"""The context of a post's page: its state and the reason, each network's result, and the timeline."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.platforms.errors import ErrorCode, WhoActs
from adminapi.console.columns import moment
from adminapi.console.pages import file_address
from adminapi.jobs import post_actions as actions
from posts import previews
from posts.inputs import is_web_address
from posts.models import UNSETTLED, Attempt, Media, Post, PostStatus, Target, TargetStatus
from posts.paused import held_up, pauses_of
from posts.previews import Preview
from posts.services import RETRYABLE
from posts.timeline.entries import Entry
from posts.timeline.timeline import timeline

WHO: dict[str, Any] = {
    WhoActs.CALLER: gettext_lazy("Whoever writes the posts must act."),
    WhoActs.ACCOUNT_OWNER: gettext_lazy("The owner of the account must act: connect the account again."),
    WhoActs.OPERATOR: gettext_lazy("The operator of this installation must act."),
    WhoActs.NETWORK: gettext_lazy("Nobody here has to act: it is up to the network."),
}
HEADLINES: dict[str, Any] = {
    PostStatus.DRAFT: gettext_lazy("This is a draft: nothing goes out until it is scheduled or published."),
    PostStatus.SCHEDULED: gettext_lazy("It goes out on %(moment)s."),
    PostStatus.PUBLISHING: gettext_lazy("It is being published now."),
    PostStatus.PUBLISHED: gettext_lazy("It has been out at all of its networks since %(moment)s."),
    PostStatus.PARTIALLY_PUBLISHED: gettext_lazy("It is out at some of its networks, and did not go out at others."),
    PostStatus.FAILED: gettext_lazy("It did not go out, and is not tried again by itself."),
    PostStatus.NEEDS_REVIEW: gettext_lazy("Nobody knows whether it is out everywhere: a person has to look."),
    PostStatus.MISSED: gettext_lazy("Its time came while nothing could run, and it is too late now."),
}
PAUSED = gettext_lazy("It waits: publishing is paused.")
NOT_SENT = gettext_lazy("It could not be sent so far. The next try is on %(moment)s.")
IN_DOUBT = gettext_lazy("It is not known yet whether it is out. The network is asked on %(moment)s.")
NOT_EVERYWHERE = gettext_lazy("It is out at some of its networks. The next try at the others is on %(moment)s.")
LOOK = gettext_lazy("Look at the account, then say below whether the post is there.")
RETRY = gettext_lazy("There is no next try: once that is fixed, choose “Retry what failed”.")
RETRY_MISSED = gettext_lazy("There is no next try: choose “Retry what failed”.")
CHANGE: dict[str, Any] = {
    PostStatus.FAILED: gettext_lazy(
        "There is no next try: choose “Back to draft” to change it, or “Retry what failed” to send it as it is."
    ),
    PostStatus.PARTIALLY_PUBLISHED: gettext_lazy(
        "There is no next try: “Duplicate” makes a draft that you can change, to be sent where this is not out; "
        "“Retry what failed” sends this as it is."
    ),
}
"""The remedies if the post itself was refused; in these states it cannot be edited."""
MISSED = gettext_lazy(
    "There is no next try: choose “Publish now”, or “Back to draft” to change it or to give it another time."
)
LATER = gettext_lazy("It can be sent again once the other networks are settled.")
TROUBLED = (TargetStatus.FAILED, TargetStatus.NEEDS_REVIEW, TargetStatus.MISSED)
MOST_ATTEMPTS = 200
REFRESH: dict[str, int] = {PostStatus.PUBLISHING: 4, PostStatus.SCHEDULED: 20}
"""Seconds after which the page of such a post reloads itself, except while somebody may be typing."""
NUMBERS: dict[str, Any] = {
    "impressions": gettext_lazy("Impressions"),
    "engagement": gettext_lazy("Engagement"),
    "clicks": gettext_lazy("Clicks"),
}


@dataclass(kw_only=True)
class Recipient:
    """One account of the post, with its content, its result, and the calls made."""

    preview: Preview | None
    target: Target | None
    attempts: list[Attempt] = field(default_factory=list)
    undecided: Collection[datetime] = ()
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def platform(self) -> str:
        if self.target:
            return self.target.platform
        return self.preview.platform.id if self.preview else ""

    @property
    def account(self) -> str:
        return self.target.account.name if self.target else ""

    @property
    def url(self) -> str:
        """Return the post's address at the network; empty if a browser should not follow it."""
        return self.target.url if self.target and is_web_address(self.target.url) else ""

    @property
    def parts(self) -> list[str]:
        """Return the addresses of a thread's parts, if there are several."""
        urls = [part["url"] for part in self.target.parts] if self.target else []
        return [url for url in urls if is_web_address(url)] if len(urls) > 1 else []

    @property
    def numbers(self) -> list[tuple[Any, int]]:
        """Return the network's counts so far, if any."""
        counted = (self.target.metrics if self.target else None) or {}
        return [(label, counted[name]) for name, label in NUMBERS.items() if counted.get(name) is not None]

    @property
    def needs_review(self) -> bool:
        return self.target is not None and self.target.status == TargetStatus.NEEDS_REVIEW


def context(post: Post, *, now: datetime, typed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the context of a post's page; `typed` has the refused values of one target, to be corrected."""
    entries = timeline(post, now=now)
    targets = list(Target.objects.placed().filter(post=post).select_related("account").order_by("pk"))
    verdicts = [_verdict(post, target, entries) for target in targets if target.status in (*TROUBLED, *UNSETTLED)]
    recipients = _recipients(post, targets, entries, typed or {})
    paused = held_up(targets, workspace_id=post.workspace_id)
    return {
        "post": post,
        "headline": _between_tries(post, targets, verdicts, now=now) or headline(post, targets, now=now),
        "verdicts": [each | {"is_paused": each["target"].pk in paused} for each in verdicts],
        "recipients": recipients,
        "timeline": [_line(entry) for entry in entries],
        "media": _media(post),
        "refresh": 0 if any(each.needs_review for each in recipients) else REFRESH.get(post.status, 0),
        "actions": actions.offered(post),
        "edit": compose_address(post) if post.is_editable else "",
    }


def headline(post: Post, targets: Sequence[Target], *, now: datetime) -> str:
    """Describe the post's state in one sentence."""
    if post.status == PostStatus.SCHEDULED and post.is_on_hold:
        message = _("It waits in the queue of %(schedule)s, which is on hold: nothing goes out until that is resumed.")
        return message % {"schedule": post.schedule}
    if pauses_of(targets, workspace_id=post.workspace_id, now=now):
        return str(PAUSED)
    zone = post.workspace.timezone
    if post.status == PostStatus.SCHEDULED and post.moment < now:
        return _("It was to go out on %(moment)s, and waits.") % {"moment": moment(post.moment, zone)}
    return str(HEADLINES[post.status]) % {"moment": moment(post.moment, zone)}


def _between_tries(
    post: Post, targets: Sequence[Target], verdicts: Sequence[Mapping[str, Any]], *, now: datetime
) -> str:
    """Return the headline of a post whose open targets all wait, for another try or for their first; empty for any
    other post, and where a network is at work on it."""
    waits = [each for each in verdicts if each["target"].status in UNSETTLED]
    held = [each for each in waits if each["cause"] or _is_held_back(post, each["target"])]
    moments = [each["next_at"] for each in held if each["next_at"] and each["next_at"] > now]
    if not waits or len(moments) < len(waits):
        return ""
    told = IN_DOUBT if any(each["target"].outcome_unknown for each in waits) else NOT_SENT
    is_partly_out = any(target.status == TargetStatus.PUBLISHED for target in targets)
    return str(NOT_EVERYWHERE if is_partly_out else told) % {"moment": moment(min(moments), post.workspace.timezone)}


def _is_held_back(post: Post, target: Target) -> bool:
    """Return whether a target of a post that has begun to go out waits for its account or network."""
    return post.status == PostStatus.PUBLISHING and not target.waits_for


def _verdict(post: Post, target: Target, entries: Sequence[Entry]) -> dict[str, Any]:
    """Return why a target is not out, who must act, and the next try, by the last entry of its timeline."""
    own = [entry for entry in entries if entry.target_id == target.pk]
    last = own[-1] if own else None
    cause = last.cause if last else None
    who_acts = last.who_acts if last else None
    return {
        "target": target,
        "message": last.message if last else "",
        "cause": cause,
        "who": WHO.get(who_acts, "") if who_acts else "",
        "can_sign_in": who_acts == WhoActs.ACCOUNT_OWNER and target.account.is_connected,
        "next_at": last.next_attempt_at if last else None,
        "remedy": _remedy(post, target, who_acts),
    }


def _remedy(post: Post, target: Target, who_acts: str | None) -> Any:
    """Return the remedy for a target that is not out, by the buttons of its post."""
    if target.status == TargetStatus.NEEDS_REVIEW:
        return LOOK
    if target.status not in (TargetStatus.FAILED, TargetStatus.MISSED):
        return ""
    if post.status == PostStatus.MISSED:
        return MISSED
    if post.status not in RETRYABLE:
        return LATER
    if target.status == TargetStatus.MISSED:
        return RETRY_MISSED
    return CHANGE[post.status] if who_acts == WhoActs.CALLER else RETRY


def _recipients(
    post: Post, targets: Sequence[Target], entries: Sequence[Entry], typed: Mapping[str, Any]
) -> list[Recipient]:
    shown = previews.preview(post)
    by_target = {each.target_id: each for each in shown if each.target_id}
    calls: dict[str, list[Attempt]] = {target.pk: [] for target in targets}
    for attempt in Attempt.objects.filter(target__in=targets).order_by("-ended_at", "-pk")[:MOST_ATTEMPTS]:
        calls[attempt.target_id].insert(0, attempt)
    placed = [
        Recipient(
            preview=by_target.get(target.pk),
            target=target,
            attempts=calls[target.pk],
            undecided=undecided(target, entries),
            typed=typed if typed.get("target") == target.pk else {},
        )
        for target in targets
    ]
    return placed + [Recipient(preview=each, target=None) for each in shown if each.target_id is None]


def undecided(target: Target, entries: Iterable[Entry]) -> set[datetime]:
    """Return when the calls ended after which it was not known whether the post is there.

    Our code for such an answer is not shown: it tells nothing of the post, and may name somebody who has nothing to do.
    """
    causes = ((entry.at, entry.cause) for entry in entries if entry.target_id == target.pk)
    return {at for at, cause in causes if cause is not None and cause.code == ErrorCode.OUTCOME_UNKNOWN}


def _line(entry: Entry) -> dict[str, Any]:
    """Return an entry of the timeline with who must act in words."""
    return {"entry": entry, "who": WHO.get(entry.who_acts, "") if entry.who_acts else ""}


def _media(post: Post) -> list[dict[str, Any]]:
    """Return the files in their order, with addresses of this very host."""
    rows = Media.objects.filter(post=post).order_by("position", "pk")
    return [
        {
            "file": media,
            "address": file_address(media.stored_name),
            "thumbnail": file_address(media.thumbnail_name),
        }
        for media in rows
    ]


def compose_address(post: Post) -> str:
    """Return the address of the page that edits a post."""
    return reverse("console_compose_post", args=[post.pk])
