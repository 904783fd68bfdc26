"""The history of a post, oldest first, and what it waits for, read from the journal, the attempts and the rows."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, JSONField, Q, Value, When
from django.utils.translation import gettext_noop as _

from accounts import registry
from accounts.platforms import NAMES
from accounts.platforms.errors import ErrorCode, WhoActs
from ouipost.events.catalogue import TOLD_AS
from ouipost.events.models import Event
from ouipost.phrases import Phrase, several
from posts.advice import advise
from posts.content import compose
from posts.media import files
from posts.models import Attempt, Post, PostStatus, Target, TargetStatus
from posts.timeline.attempts import WORDS, Fate, Past, attempt_entries
from posts.timeline.deliveries import DELIVERED, GIVEN_UP, WAITING, delivery_entries
from posts.timeline.entries import Entry, cause_of
from posts.timeline.waiting import waiting_entries

COMMANDS = {
    "post.created": _("The post was created."),
    "post.updated": _("The post was changed."),
    "post.scheduled": _("The post was scheduled for {moment}."),
    "post.unscheduled": _("The post was returned to draft."),
    "post.publish_requested": _("Publishing at once was requested."),
    "post.retried": _("A retry of what had failed or was missed was requested."),
    "post.resolved": _("A person said that {name} {has} it."),
    "post.reconcile_requested": _("Somebody had {name} asked once more whether it has the post."),
    "post.removed": _("{name} does not have it any more: somebody, or the network itself, took it away there."),
    "media.added": _("The file {filename} was added."),
    "media.updated": _("A file got another alt text or position."),
    "media.deleted": _("The file {filename} was removed."),
}
NOT_SENT_AGAIN = _(
    "A person said that {name} does not have it. Its account is disconnected: it is not sent there again."
)
ABOUT_ACCOUNTS = {
    "account.connected": _("The account {account_name} was connected."),
    "account.expired": _("{name} no longer takes the token of {account_name}: the account must be reconnected."),
    "account.disconnected": _("The account {account_name} was disconnected, and what it had not sent was cancelled."),
}
OUTCOMES = {
    TargetStatus.PUBLISHED: (_("Published on {names}"), _("published on {names}")),
    TargetStatus.FAILED: (_("Failed on {names}"), _("failed on {names}")),
    TargetStatus.NEEDS_REVIEW: (_("Unknown on {names}"), _("unknown on {names}")),
    TargetStatus.MISSED: (_("Missed on {names}"), _("missed on {names}")),
}
"""Words for settled targets, at the beginning of a sentence and within it; other targets are left out."""
NO_ATTEMPT = {
    ErrorCode.MISSED_WINDOW: ("missed", _("Its time for {name} came while nothing could run, and it is too late now.")),
    ErrorCode.WORKER_CRASH_LOOP: (
        "set_aside",
        _("It stopped the worker again and again: nothing more is tried on {name}."),
    ),
}
"""Kinds and sentences for targets that ended without an attempt, by the code of their error."""
OPEN = (PostStatus.DRAFT, PostStatus.SCHEDULED, PostStatus.PUBLISHING, PostStatus.MISSED)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the journal, without its large columns."""

    id: str
    at: datetime
    type: str
    resource_id: str
    details: Mapping[str, Any]


def timeline(post: Post, *, now: datetime) -> list[Entry]:
    """Return the events in order of time, then what each target waits for at present."""
    rows = Target.objects.filter(post=post).select_related("account__workspace").order_by("pk")
    targets = {target.pk: target for target in rows}
    journal = _journal(post, targets.values())
    settled = [line for line in journal if "targets" in line.details]
    commands = [_command(line, targets) for line in journal if line.type in COMMANDS]
    attempts = [*_attempts(targets.values(), settled, now=now)]
    steps = [*_conversions(post, targets, attempts), *attempts, *_outcomes(settled)]
    until = max((entry.at for entry in [*commands, *steps]), default=now)
    heard = delivery_entries(_of_post(journal), now=now)
    waiting = [entry for entry in heard if entry.kind == WAITING]
    ended = [entry for entry in heard if entry.kind != WAITING]
    past = [*commands, *_about_accounts(post, journal, targets.values(), until=until), *steps, *ended]
    return [*sorted(past, key=_moment), *waiting_entries(targets.values(), now=now), *waiting]


def _of_post(journal: Iterable[Line]) -> dict[str, str]:
    """Return the types, by id, of the post's and its files' events that webhooks get; a message has its event's id."""
    heard = [line for line in journal if line.type in TOLD_AS and line.type not in ABOUT_ACCOUNTS]
    return {line.id: TOLD_AS[line.type] for line in heard}


def _moment(entry: Entry) -> datetime:
    """Return the time cut to milliseconds, one database's precision, so that causes sort before effects."""
    return entry.at.replace(microsecond=entry.at.microsecond // 1000 * 1000)


def _journal(post: Post, targets: Iterable[Target]) -> list[Line]:
    """Return the journal's lines on the post, on its files, and on its accounts since the post was created.

    The texts of edits are not loaded: they may be many, and none is shown.
    """
    own = Q(resource_id__in=[post.pk, *(media["id"] for media in post.media), *_removed_files(post)])
    accounts = Q(
        resource_id__in=[target.account_id for target in targets],
        type__in=list(ABOUT_ACCOUNTS),
        created_at__gte=post.created_at,
    )
    details = Case(When(type__endswith=".updated", then=Value(None)), default="details", output_field=JSONField())
    rows = Event.objects.filter(own | accounts).annotate(small=details).order_by("created_at", "pk")
    return [
        Line(id=pk, at=at, type=kind, resource_id=resource_id, details=small if isinstance(small, dict) else {})
        for pk, at, kind, resource_id, small in rows.values_list("pk", "created_at", "type", "resource_id", "small")
    ]


def _removed_files(post: Post) -> list[str]:
    """Return the ids of files removed from the post, which only the journal's details name.

    The query uses the index of type or workspace, within the time in which the post could be changed. An index of its
    own would slow down every line of the journal, and files are seldom removed.
    """
    rows = Event.objects.filter(type="media.deleted", workspace_id=post.workspace_id, details__post=post.pk)
    until = {"created_at__lte": post.published_at} if post.published_at else {}
    return list(rows.filter(created_at__gte=post.created_at, **until).values_list("resource_id", flat=True))


def _command(line: Line, targets: Mapping[str, Target]) -> Entry:
    target, scheduled_at = targets.get(line.details.get("target", "")), line.details.get("scheduled_at")
    moment = datetime.fromisoformat(scheduled_at) if scheduled_at else None
    words = {
        "name": NAMES[target.platform] if target else Phrase("The network"),
        "has": Phrase("has") if line.details.get("outcome") == "published" else Phrase("does not have"),
        "filename": line.details.get("filename", ""),
        "moment": f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "",
    }
    said = NOT_SENT_AGAIN if line.details.get("account") == "disconnected" else COMMANDS[line.type]
    return Entry(
        at=line.at,
        kind=_kind(line.type),
        message=Phrase(said, **words),
        target_id=target.pk if target else None,
        platform=target.platform if target else None,
        next_attempt_at=moment,
    )


def _kind(event_type: str) -> str:
    return event_type.removeprefix("post.").replace(".", "_")


def _attempts(targets: Collection[Target], settled: Sequence[Line], *, now: datetime) -> Iterator[Entry]:
    found: dict[str, list[Attempt]] = {target.pk: [] for target in targets}
    attempts = Attempt.objects.defer("exchanges").filter(target__in=list(found))  # they are long, and not shown
    for attempt in attempts.order_by("ended_at", "number", "pk"):
        found[attempt.target_id].append(attempt)
    for target in targets:
        yield from attempt_entries(found[target.pk], _past(target, settled, now=now))


def _conversions(post: Post, targets: Mapping[str, Target], attempts: Iterable[Entry]) -> Iterator[Entry]:
    """Name, before the first attempt of a target, its images that do not go out as they were uploaded."""
    if not post.media:
        return
    first = {entry.target_id: entry for entry in reversed([*attempts]) if entry.target_id}
    media = files.as_content(post) if first else []
    for target_id, entry in first.items():
        target = targets[str(target_id)]
        content = compose(post, target.account, registry.of(target.account), media)
        for each in content.media:
            if not each.converted:
                continue
            yield Entry(
                at=entry.at,
                kind="converted",
                message=Phrase(
                    "{network} gets the image {filename} {changes}.",
                    network=NAMES[target.platform],
                    filename=each.filename,
                    changes=each.converted,
                ),
                target_id=target.pk,
                platform=target.platform,
            )


def _past(target: Target, settled: Sequence[Line], *, now: datetime) -> Past:
    results = [(line.at, each) for line in settled for each in line.details["targets"] if each["id"] == target.pk]
    fates = [*(Fate(at=at, status=each["status"]) for at, each in results), Fate(at=now, status=target.status)]
    return Past(target_id=target.pk, platform=target.platform, fates=fates)


def _outcomes(settled: Sequence[Line]) -> Iterator[Entry]:
    """Give a line for each outcome of the post, and before it one for each target that ended without an attempt.

    A target that was scheduled again may end in the same way; its other time shows that this is a new end.
    """
    known: dict[str, Any] = {}
    for line in settled:
        for each in line.details["targets"]:
            end = (each.get("scheduled_at"), each["error"])
            if known.get(each["id"]) != end and (each["error"] or {}).get("code") in NO_ATTEMPT:
                yield _ended(line, each)
            known[each["id"]] = end
        yield Entry(at=line.at, kind=_kind(line.type), message=_summary(line.details["targets"]))


def _ended(line: Line, result: Mapping[str, Any]) -> Entry:
    error = result["error"]
    kind, words = NO_ATTEMPT[error["code"]]
    advice = advise(error["code"], who_acts=error.get("who_acts"), outcome_unknown=result["outcome_unknown"])
    return Entry(
        at=line.at,
        kind=kind,
        message=Phrase(words, name=NAMES[result["platform"]]),
        target_id=result["id"],
        platform=result["platform"],
        cause=cause_of(error),
        who_acts=advice.who_acts,
        retry_safe=advice.retry_safe,
    )


def _summary(results: Sequence[Mapping[str, Any]]) -> str:
    """Return a summary of the targets, as in "Published on one network, another; failed on a third."."""
    parts: list[str] = []
    for status, (first, within) in OUTCOMES.items():
        if names := [NAMES[each["platform"]] for each in results if each["status"] == status]:
            parts.append(Phrase(within if parts else first, names=", ".join(names)))
    return Phrase("{told}.", told=several(parts)) if parts else "."


def _about_accounts(
    post: Post, journal: Sequence[Line], targets: Iterable[Target], *, until: datetime
) -> Iterator[Entry]:
    """Give a line for each event of the accounts until all is settled; later ones do not concern this post."""
    by_account = {target.account_id: target for target in targets}
    for line in journal:
        if line.type not in ABOUT_ACCOUNTS or (post.status not in OPEN and line.at > until):
            continue
        target = by_account[line.resource_id]
        words = {"name": NAMES[target.platform], "account_name": line.details["account_name"]}
        yield Entry(
            at=line.at,
            kind=_kind(line.type),
            message=Phrase(ABOUT_ACCOUNTS[line.type], **words),
            target_id=target.pk,
            platform=target.platform,
            who_acts=WhoActs.ACCOUNT_OWNER if line.type == "account.expired" else None,
        )


KINDS = (
    *map(_kind, COMMANDS),
    *map(_kind, ABOUT_ACCOUNTS),
    *WORDS,
    *map(str, OUTCOMES),
    PostStatus.PARTIALLY_PUBLISHED.value,
    "set_aside",
    "converted",
    "sending",
    "waiting",
    DELIVERED,
    WAITING,
    GIVEN_UP,
)
"""Every kind that an entry can be of."""
