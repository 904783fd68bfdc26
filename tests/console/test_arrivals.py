"""Large files in the page that composes a post: whoever sent one may leave, and finds it on the draft, or why not."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import SocialAccount
from accounts.services import disconnect
from adminapi import arrivals
from adminapi.arrivals import Arrival
from ouipost.db.pruning import remove_all
from ouipost.events.journal import SYSTEM
from ouipost.ids import new_id
from posts.media import files
from posts.models import Media, Post
from tests.console.composing import UPLOAD, an_image, edit_address, facebook, staff, workspace, written
from tests.factories import make_media, make_post, make_schedule

__all__ = ["facebook", "staff", "workspace"]
LOOKING = "it was sent and is being checked. You can leave: it is added to the draft by itself."


@pytest.fixture(autouse=True)
def _every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SLOW_BYTES", 0)


def page_of(client: Client, post: Post) -> str:
    return re.sub(r"\s+", " ", client.get(edit_address(post)).content.decode())


def part_of(client: Client, post: Post, *known: str) -> Any:
    return client.get(reverse("console_compose_arrivals", args=[post.pk]), {"order": known})


def test_the_draft_says_meanwhile_that_a_large_file_is_looked_into_and_then_has_it(
    staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, seen = files.keep, list[str]()

    def looked_at(*given: Any, **values: Any) -> files.Stored:
        seen.append(page_of(staff, Post.objects.get()))
        return keep(*given, **values)

    monkeypatch.setattr(files, "keep", looked_at)
    answer = staff.post(UPLOAD, written(facebook, file=an_image())).json()

    post = Post.objects.get()
    assert f"bread.jpg: {LOOKING}" in seen[0]
    assert 'id="compose-arrivals" aria-live="polite" hx-get=' in seen[0]
    assert (answer["post"], answer["is_new"], post.content) == (post.pk, True, "Fresh bread")
    assert (Media.objects.get().post, Arrival.objects.count()) == (post, 0)
    assert LOOKING not in page_of(staff, post)


def test_the_part_that_asks_again_brings_a_file_that_has_come_once(staff: Client, facebook: SocialAccount) -> None:
    staff.post(UPLOAD, written(facebook, file=an_image()))
    post, media = Post.objects.get(), Media.objects.get()

    make_media(make_post(post.workspace))
    new, known = part_of(staff, post), part_of(staff, post, media.pk)

    assert re.findall(r'data-file="([^"]*)"', new.content.decode()) == [media.pk]
    assert (new.headers["HX-Trigger"], "hx-trigger" in new.content.decode()) == ("arrived", False)
    assert ("data-file" in known.content.decode(), "HX-Trigger" in known.headers) == (False, False)


def test_a_large_file_that_is_refused_says_why_also_to_somebody_who_had_left(
    staff: Client, facebook: SocialAccount
) -> None:
    answer = staff.post(UPLOAD, written(facebook, file=an_image("notes.txt", b"only words"))).json()
    post = Post.objects.get()
    staff.post(UPLOAD, written(facebook, file=an_image("other.txt", b"other words")))
    other = Post.objects.exclude(pk=post.pk).get()
    told = page_of(staff, post)
    staff.post(edit_address(post), written(facebook, do="draft"))

    assert answer["refused"][0].startswith("notes.txt: The file is not a JPEG")
    assert (answer["post"], answer["is_new"]) == (post.pk, True)
    assert ("notes.txt: The file is not a JPEG" in told, "other.txt" in told) == (True, False)
    assert "notes.txt" not in page_of(staff, post)
    assert "other.txt: The file is not a JPEG" in page_of(staff, other)


def test_a_large_file_for_an_account_that_went_meanwhile_is_refused_with_that_reason_and_makes_no_draft(
    staff: Client, facebook: SocialAccount
) -> None:
    disconnect(facebook, actor=SYSTEM, now=timezone.now())

    answer = staff.post(UPLOAD, written(facebook, file=an_image())).json()

    assert answer["refused"] == ["bread.jpg: Company Page (Facebook) was disconnected."]
    assert (Post.objects.count(), Arrival.objects.count()) == (0, 0)


def test_a_file_whose_process_died_is_told_as_cut_short(staff: Client, facebook: SocialAccount) -> None:
    staff.post(UPLOAD, written(facebook, file=an_image()))
    post = Post.objects.get()
    arrivals.begin(post, "clip.mp4", file_id="", now=timezone.now() - arrivals.LONGEST - timedelta(seconds=1))

    page = page_of(staff, post)

    assert "clip.mp4: it was cut short. Add it again." in page
    assert 'aria-live="polite">' in page  # nothing is asked again


def broken(*_: Any, **__: Any) -> None:
    raise OperationalError(2013, "Lost connection to server during query")


def away(*_: Any, **__: Any) -> None:
    raise InterfaceError(0, "")


def test_a_file_whose_upload_failed_keeps_no_post_from_going_out(
    staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = make_post(facebook.workspace, accounts=[facebook])
    with monkeypatch.context() as patched:
        patched.setattr(files, "attach", broken)
        with pytest.raises(OperationalError):
            staff.post(edit_address(post), written(facebook, do="publish", file=an_image()))
    told = page_of(staff, post)

    sent = staff.post(edit_address(post), written(facebook, do="publish"))

    assert "bread.jpg: it was cut short. Add it again." in told
    assert (sent.status_code, Post.objects.get().status) == (302, "publishing")


def test_a_form_that_is_sent_again_takes_over_the_note_on_its_file(
    staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, key = make_post(facebook.workspace, accounts=[facebook]), new_id("form")
    with monkeypatch.context() as patched:
        patched.setattr(files, "attach", broken)
        patched.setattr(Arrival.objects, "filter", away)
        with pytest.raises(OperationalError, match="Lost connection"):
            staff.post(edit_address(post), written(facebook, do="publish", key=key, file=an_image()))
    left = Arrival.objects.get()

    sent = staff.post(edit_address(post), written(facebook, do="publish", key=key, file=an_image()))

    assert left.is_awaited(timezone.now())
    assert (sent.status_code, Post.objects.get().status) == (302, "publishing")
    assert (Media.objects.get().post, Arrival.objects.count()) == (post, 0)


@pytest.mark.parametrize("do", ["publish", "schedule", "queue"])
def test_a_post_does_not_go_out_without_a_file_that_is_being_checked(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    post = make_post(facebook.workspace, accounts=[facebook])
    schedule = make_schedule(facebook.workspace, slots=[(0, "09:00", ["facebook"])])
    typed = written(facebook, scheduled_at="2090-07-01T09:30" if do == "schedule" else "", schedule_id=schedule.pk)
    arrivals.begin(post, "clip.mp4", file_id="", now=timezone.now())

    answer = staff.post(edit_address(post), typed | {"do": do})
    saved = staff.post(edit_address(post), typed | {"do": "draft", "content": "Rye", "scheduled_at": ""})

    told = "clip.mp4 is still being checked. Wait until it is on the post, then press the button again."
    assert answer.context["sheet"].errors == {"files": [told]}
    assert (saved.status_code, Post.objects.get().status, Post.objects.get().content) == (302, "draft", "Rye")


def test_a_small_file_makes_no_note(staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SLOW_BYTES", 1_000_000)
    monkeypatch.setattr(arrivals, "begin", None)

    assert "row" in staff.post(UPLOAD, written(facebook, file=an_image())).json()


def test_what_nobody_came_back_for_is_forgotten(staff: Client, facebook: SocialAccount) -> None:
    staff.post(UPLOAD, written(facebook, file=an_image("notes.txt", b"only words")))
    Arrival.objects.update(began_at=timezone.now() - timedelta(days=2))

    assert (remove_all(arrivals.old(timezone.now())), Arrival.objects.count()) == (1, 0)
