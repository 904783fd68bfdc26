"""Publishing on Instagram and Threads: containers are made of the files, waited for, and published with one call.

A container is invisible until then, shows afterwards whether it was published, and cannot be published twice, so that a
lost answer can be cleared up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import (
    NotListed,
    PlatformError,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
)
from accounts.platforms.http import bearer, dig_count, dig_list, dig_text, is_unclear, pages, recent, time_at
from accounts.platforms.meta.failures import (
    MAYBE_BLOCKED,
    MakeAgain,
    NotReady,
    count,
    counted,
    failures_so_far,
    maybe_blocked,
    require_unblocked,
    to_be_made_anew,
)
from accounts.platforms.meta.longlived import LongLivedTokens
from accounts.platforms.meta.visibility import NOT_VISIBLE, of_the_account
from accounts.platforms.shapes import CLOCKS_DIFFER, Account, Handles, Media, Operation, Published
from accounts.platforms.text import comparable
from accounts.platforms.uploads import UPLOADS, upload_missing, uploaded
from ouipost.phrases import Phrase

CONTAINER_LIVES = timedelta(hours=23)
"""The networks drop a container after 24 hours."""
POST = "post"
"""The key of the container that is published; containers of a carousel's files have the files' ids as keys."""
READY_AT, READY_SINCE, OUT = "ready_at", "ready_since", "out"
STAYS_READY = timedelta(seconds=20)
"""Time during which a container found ready is assumed to be ready; later its state is read again."""
IN_VAIN = timedelta(minutes=10)
"""A container that has been ready for this time without being published is replaced by a new one."""
LISTED_SOON = 10.0
LISTED_AFTER = timedelta(minutes=2)
"""Time after which a new post is surely in its list."""
CAROUSEL, TEXT = "CAROUSEL_ALBUM", "TEXT_POST"
"""The types of listed posts with several files, and without any; one file is listed as IMAGE or VIDEO."""
LISTED_AT_ONCE = 50
QUOTA_WAIT = 3600.0
"""A quota counts a moving day: a part of it may be free again at any time."""
SEEN_SOON = 30.0
SEEN_AFTER = timedelta(minutes=2)
"""Time after which a new container's state can surely be read."""
WAITS = ((timedelta(seconds=30), 5.0), (timedelta(minutes=3), 15.0))
"""Seconds between two looks at a container, by its age: at first short as in other connectors, for images."""
LONGEST_WAIT = 60.0
"""The interval that the networks' documentation asks for."""
NO_SUCH_THING = frozenset({NOT_VISIBLE, "24", "24/2207006"})


class State(StrEnum):
    """The state of a container, in the networks' own words."""

    IN_PROGRESS = "IN_PROGRESS"
    FINISHED = "FINISHED"
    ERROR = "ERROR"
    EXPIRED = "EXPIRED"
    PUBLISHED = "PUBLISHED"
    GONE = "GONE"
    """Our own state: the network does not know the container, or not yet."""


class ContainerConnector(LongLivedTokens):
    """A network that publishes containers; the attributes are the differences between the two."""

    recovery = Recovery.HANDLE
    handles_are_proof = True
    pulls_media = ("image", "video")

    containers_edge: ClassVar[str]
    publish_edge: ClassVar[str]
    status_field: ClassVar[str]
    reason_field: ClassVar[str]
    text_field: ClassVar[str]
    """The field of a listed post with its text."""
    replies_have_a_quota: ClassVar[bool] = False
    """Whether replies have a quota of their own, so that neither holds up the others."""
    doubtful: ClassVar[frozenset[str]] = frozenset({"368", "2207051"})
    """Codes or subcodes of refusals of the visible call after which the post may still be out, such as blocks."""
    disguised: ClassVar[str] = ""
    """The code of a server's error that may be a block in disguise: the visible call is repeated once only."""

    def base(self, account: Account) -> str:
        """Return the base address of all paths of an account."""
        raise NotImplementedError

    def part_fields(self, media: Media) -> dict[str, str]:
        """Return the fields that create the container of one file of a carousel."""
        raise NotImplementedError

    def post_fields(self, operation: Operation, parts: Sequence[str]) -> dict[str, str]:
        """Return the fields that create the container of the post; `parts` are the containers of a carousel's files."""
        raise NotImplementedError

    def failure(self, reason: str) -> PlatformError:
        """Return the error of a container that failed for this reason."""
        raise NotImplementedError

    def quota(self, session: Session, operation: Operation) -> tuple[int | None, int | None]:
        """Return how many posts of this kind were made within a day, and how many are allowed."""
        raise NotImplementedError

    def listing(self, operation: Operation, *, since: datetime) -> tuple[str, Mapping[str, Any]]:
        """Return the path and parameters of the list of posts of this kind, which has the newest first."""
        raise NotImplementedError

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        if _is_ready(operation):
            return operation.handles
        if not _is_usable(operation):
            if READY_SINCE in operation.handles and self._is_out(session, operation):
                return _noted(operation, save, {OUT: True})
            operation = replace(operation, handles=failures_so_far(operation.handles))
        if POST not in operation.handles.get(UPLOADS, {}):
            operation = self._make_parts(session, operation, save)
        parts = [uploaded(operation.handles, each.id) for each in _carousel(operation)]
        step = partial(self._make, session, operation, save, partial(self.post_fields, operation, parts))
        operation = self._made(operation, save, {POST: step})
        if self._require_finished(session, operation, save, [POST]) == State.PUBLISHED:
            return _noted(operation, save, {OUT: True})
        require_unblocked(operation, self.name)
        self._require_quota(session, operation)
        now = operation.now.isoformat()
        return _noted(operation, save, {READY_SINCE: operation.handles.get(READY_SINCE, now), READY_AT: now})

    def _is_out(self, session: Session, operation: Operation) -> bool:
        """Whether the container has been published, perhaps by a late call of an earlier try."""
        state, _ = self._state(session, operation.account, uploaded(operation.handles, POST))
        return state == State.PUBLISHED

    def _make_parts(self, session: Session, operation: Operation, save: Save) -> Operation:
        carousel = _carousel(operation)
        make = partial(self._make, session, operation, save)
        operation = self._made(
            operation, save, {each.id: partial(make, partial(self.part_fields, each)) for each in carousel}
        )
        self._require_finished(session, operation, save, [each.id for each in carousel])
        return operation

    def _made(self, operation: Operation, save: Save, steps: Mapping[str, Callable[[], str]]) -> Operation:
        handles = upload_missing(operation, save, steps, not_before=operation.now - CONTAINER_LIVES)
        return replace(operation, handles=handles)

    def _make(self, session: Session, operation: Operation, save: Save, fields: Callable[[], Mapping[str, str]]) -> str:
        account = operation.account
        url = f"{self.base(account)}/{account.remote_id}/{self.containers_edge}"
        written = {key: value for key, value in fields().items() if value}
        try:
            with of_the_account():
                answer = self.call(session, "POST", url, **self.form(account, written), timeout=60)
        except NotReady as failure:
            raise self._not_known(operation, save, failure) from failure
        except MakeAgain as failure:
            raise counted(operation, save, failure) from failure
        container = dig_text(answer, "id")
        if not container:
            raise Unavailable(Phrase("{network} made a container and gave no id for it.", network=self.name))
        return container

    def _not_known(self, operation: Operation, save: Save, failure: NotReady) -> PlatformError:
        """Return the error for a new container whose parts, or whose parent post, the network does not know.

        It may know them soon, or they are gone.
        """
        if not operation.reply:
            made = [_age(operation, key) for key in operation.handles.get(UPLOADS, {})]
            is_gone = bool(made) and min(made) >= SEEN_AFTER
            return counted(operation, save, MakeAgain(**failure.facts)) if is_gone else failure
        if count(operation, save):
            return failure
        message = Phrase("{network} no longer has the post to reply to.", network=self.name)
        return Rejected(**failure.facts | {"message": message})

    def _require_finished(self, session: Session, operation: Operation, save: Save, keys: Sequence[str]) -> str:
        """Raise StillWorking while one of these containers is processed; forget all if one will never be ready.

        Returns the state of the last one, which is ready or already published.
        """
        state = ""
        for key in keys:
            state, reason = self._state(session, operation.account, uploaded(operation.handles, key))
            match state:
                case State.FINISHED | State.PUBLISHED:
                    continue
                case State.IN_PROGRESS:
                    raise self._at_work(_wait(operation, key))
                case State.GONE if _age(operation, key) < SEEN_AFTER:
                    raise self._at_work(SEEN_SOON)
                case State.EXPIRED:
                    save(failures_so_far(operation.handles))
                    raise Unavailable(
                        Phrase("{network} has dropped what it was given: it is given again.", network=self.name)
                    )
                case State.GONE:
                    raise counted(
                        operation,
                        save,
                        MakeAgain(Phrase("{network} does not know what it was given.", network=self.name)),
                    )
            raise counted(operation, save, self.failure(reason))
        return state

    def _at_work(self, wait: float) -> StillWorking:
        return StillWorking(Phrase("{network} is processing what it was given.", network=self.name), retry_after=wait)

    def _state(self, session: Session, account: Account, container: str) -> tuple[str, str]:
        """Return the state of a container, and the reason if it failed."""
        try:
            answer = self.read(session, account, container, fields=f"{self.status_field},{self.reason_field}")
        except PlatformError as error:
            if is_gone(error):
                return State.GONE, ""
            raise
        state = dig_text(answer, self.status_field)
        if state not in set(State):
            raise Unavailable(
                Phrase(
                    "{network} did not say how far it is with what it was given: {state}.",
                    network=self.name,
                    state=state or Phrase("nothing"),
                )
            )
        return state, dig_text(answer, self.reason_field)

    def _require_quota(self, session: Session, operation: Operation) -> None:
        """Raise RateLimited if the day's quota is used up; a quota that may not be read is ignored."""
        try:
            used, most = self.quota(session, operation)
        except Rejected:
            return
        if used is not None and most is not None and used >= most:
            message = Phrase(
                "The account has used all of the {most} that {network} allows in 24 hours.",
                most=most,
                network=self.name,
            )
            kind = {"is_of_a_kind": self.replies_have_a_quota, "is_for_posting": True}
            raise RateLimited(message, retry_after=QUOTA_WAIT, **kind)

    def commit(self, session: Session, operation: Operation) -> Published:
        if OUT in operation.handles:
            return self._out_after_all(session, operation, self._forgotten())
        account = operation.account
        url = f"{self.base(account)}/{account.remote_id}/{self.publish_edge}"
        request = self.form(account, {"creation_id": uploaded(operation.handles, POST)})
        try:
            with of_the_account():
                remote_id = self.call_visible(session, "POST", url, id_at=("id",), **request)
        except MakeAgain as failure:
            return self._out_after_all(session, operation, to_be_made_anew(operation, failure))
        except Unknown as error:
            if not self.disguised or error.network_code != self.disguised:
                raise
            return self._out_after_all(session, operation, maybe_blocked(operation, error))
        except (NotReady, Rejected) as refusal:
            if not isinstance(refusal, NotReady) and not self._is_doubtful(refusal):
                raise
            return self._out_after_all(session, operation, refusal)
        return Published(remote_id=remote_id, url=self.permalink(session, account, remote_id))

    def _is_doubtful(self, refusal: Rejected) -> bool:
        """Return whether the post may be out nevertheless: Threads has published posts that it refused."""
        in_trouble = refusal.status is not None and is_unclear(refusal.status)
        return in_trouble or not self.doubtful.isdisjoint(refusal.network_code.split("/"))

    def _out_after_all(self, session: Session, operation: Operation, refusal: PlatformError) -> Published:
        """Return the post if the container was published before or despite this refusal, else raise the refusal."""
        try:
            state, _ = self._state(session, operation.account, uploaded(operation.handles, POST))
            found = self._shown(session, operation) if state == State.PUBLISHED else []
        except StillWorking:
            raise
        except PlatformError as error:
            raise Unknown(**refusal.facts) from error
        if state != State.PUBLISHED:
            raise refusal
        if len(found) == 1:
            return found[0]
        raise Unknown(Phrase("{network} shows several posts that could be this one.", network=self.name))

    def permalink(self, session: Session, account: Account, remote_id: str) -> str:
        """Return the post's address; an error in reading it must not make a published post look failed."""
        try:
            return dig_text(self.read(session, account, remote_id, timeout=10, fields="permalink"), "permalink")
        except PlatformError:
            return ""

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        if POST not in operation.handles.get(UPLOADS, {}):  # as in a restored copy
            return self._listed(session, operation)
        state, _ = self._state(session, operation.account, uploaded(operation.handles, POST))
        match state:
            case State.PUBLISHED:
                return self._shown(session, operation)
            case State.IN_PROGRESS:
                raise StillWorking(
                    Phrase("{network} is still processing the post.", network=self.name), retry_after=LISTED_SOON
                )
            case State.GONE:  # only the list can show the outcome
                return self._listed(session, operation)
        return []

    def _shown(self, session: Session, operation: Operation) -> list[Published]:
        """Return the post of a published container; raises StillWorking until the account's list has it."""
        found = self._find(session, operation)
        if not found:
            raise StillWorking(
                Phrase("{network} has published it and does not list it yet.", network=self.name),
                retry_after=LISTED_SOON,
            )
        return found

    def _listed(self, session: Session, operation: Operation) -> list[Published]:
        """Return the post from the list; raises NotListed once a new post would surely be there, Unknown before."""
        found = self._find(session, operation)
        if found:
            return found
        if not _is_listed(operation):
            raise self._forgotten()
        raise NotListed

    def _forgotten(self) -> Unknown:
        return Unknown(
            Phrase("{network} has forgotten what it was given, and may not list the post yet.", network=self.name)
        )

    def _find(self, session: Session, operation: Operation) -> list[Published]:
        """Return the listed posts that can be this one; without a text only once it would surely be among them, since
        any other post of its type looks the same."""
        if not comparable(self.written(operation)) and not _is_listed(operation):
            return []
        since = _since(operation).replace(microsecond=0)
        path, asked = self.listing(operation, since=since)
        read = partial(self.read, session, operation.account, path, **asked, limit=LISTED_AT_ONCE)
        posts = pages(read, at="data", cursor="after", cursor_of=_following)
        young = recent(posts, since=since, dated=time_at("timestamp"))
        found = {dig_text(each, "id"): each for each in young if self._is_it(each, operation)}
        known = {each.remote_id for each in operation.out}
        shown = {key: dig_text(each, "permalink") for key, each in found.items() if key not in known}
        return [Published(remote_id=key, url=url) for key, url in shown.items()]

    def _is_it(self, post: Any, operation: Operation) -> bool:
        is_alike = comparable(dig_text(post, self.text_field)) == comparable(self.written(operation))
        has_our_files = dig_text(post, "media_type") in ("", _listed_type(operation))
        return is_alike and has_our_files and self.is_ours(post, operation)

    def is_ours(self, post: Any, operation: Operation) -> bool:
        """Whether a listed post of this time, text and type can be this operation's."""
        return True

    def written(self, operation: Operation) -> str:
        """Return the text that the post shows."""
        return operation.text

    def read(self, session: Session, account: Account, path: str, *, timeout: float = 30, **params: Any) -> Any:
        url = f"{self.base(account)}/{path}"
        params |= self.proof(account)
        return self.call(session, "GET", url, headers=bearer(account.access_token), params=params, timeout=timeout)

    def form(self, account: Account, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return the request of a writing call."""
        return {"headers": bearer(account.access_token), "data": {**fields, **self.proof(account)}}

    def proof(self, account: Account) -> dict[str, str]:
        """Return the proof that the app itself calls, if the host wants it."""
        return {}


def is_gone(error: PlatformError) -> bool:
    """Whether the network answers that the object does not exist, or that this account may not see it."""
    return isinstance(error, NotReady) or error.network_code in NO_SUCH_THING


def _following(page: Any) -> str:
    """Return the next page's cursor; Threads gives no address for that page, so the last page may be empty."""
    return dig_text(page, "paging", "cursors", "after") if dig_list(page, "data") else ""


def limit_of(answer: Any, usage: str, config: str) -> tuple[int | None, int | None]:
    """Return the used part and the size of a quota, from an answer about limits."""
    return dig_count(answer, "data", 0, usage), dig_count(answer, "data", 0, config, "quota_total")


def _is_ready(operation: Operation) -> bool:
    """Whether the container was found ready just now, and nothing was sent since."""
    ready_at = operation.handles.get(READY_AT)
    if not ready_at or operation.armed_at or MAYBE_BLOCKED in operation.handles:
        return False
    return datetime.fromisoformat(ready_at) > operation.now - STAYS_READY


def _is_listed(operation: Operation) -> bool:
    """Whether the list would surely show the post by now, if it is out."""
    return operation.now >= operation.begun_again(READY_AT) + LISTED_AFTER


def _listed_type(operation: Operation) -> str:
    """Return the type under which the post is listed."""
    files = _files(operation)
    return CAROUSEL if len(files) > 1 else files[0].type.upper() if files else TEXT


def _files(operation: Operation) -> Sequence[Media]:
    """Return the post's files; a reply has none."""
    return () if operation.reply else operation.content.media


def _carousel(operation: Operation) -> Sequence[Media]:
    """Return the files that each have a container of their own: those of a carousel."""
    files = _files(operation)
    return files if len(files) > 1 else ()


def _is_usable(operation: Operation) -> bool:
    """Whether no container is too old, since a carousel is made of all, nor was ready in vain.

    Being ready in vain counts only if no call is open: such a call could publish this container beside a new one.
    """
    made = [datetime.fromisoformat(each["at"]) for each in operation.handles.get(UPLOADS, {}).values()]
    if made and min(made) < operation.now - CONTAINER_LIVES:
        return False
    ready_since = operation.handles.get(READY_SINCE)
    is_in_vain = ready_since and datetime.fromisoformat(ready_since) <= operation.now - IN_VAIN
    return not is_in_vain or operation.armed_at is not None


def _noted(operation: Operation, save: Save, facts: Handles) -> Handles:
    handles = {**operation.handles, **facts}
    save(handles)
    return handles


def _since(operation: Operation) -> datetime:
    """Return the earliest date of a copy: one published by an earlier try's call may be as old as its container."""
    if OUT not in operation.handles:
        return operation.since
    return min(operation.since, datetime.fromisoformat(operation.handles[UPLOADS][POST]["at"]) - CLOCKS_DIFFER)


def _wait(operation: Operation, key: str) -> float:
    """Return the seconds until the next look at a container, which grow with its age."""
    age = _age(operation, key)
    return next((wait for until, wait in WAITS if age < until), LONGEST_WAIT)


def _age(operation: Operation, key: str) -> timedelta:
    return operation.now - datetime.fromisoformat(operation.handles[UPLOADS][key]["at"])
