"""Whatever is done to files and their posts, wherever the storage fails or its process dies: a file that a post needs
is there, what nobody needs goes in time, and networks get what the post had.

One short life is tried, the same in every run; other ones, on a disk and in a store, and as many as you like:
`LIVES=500 pytest --hypothesis-profile=new tests/posts/media/test_whole_life.py`.
"""

import errno
import gc
import os
import random
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as product_settings
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM
from ouipost.ids import new_id
from posts import counts, duplicating
from posts.media import files, storage
from posts.models import Post as Row
from tests.factories import make_workspace
from tests.posts.media.system import COLOURS, FOLDERS, File, Keeping, Post, Url, colour_of, keeping, name_in, painted
from tests.posts.system import Acts, Killed, Product, drawn, lived, running
from tests.stores import s3_server
from workspaces import services as workspaces
from workspaces.models import Workspace

IS_USUAL = "LIVES" not in os.environ
LIVES = int(os.environ.get("LIVES", "1"))
FIRST = 4
"""The seed of the life of a usual run, which is on a disk."""
ACTS_OF_A_LIFE = 6 if IS_USUAL else 40
pytestmark = [
    *(pytest.mark.any_database, pytest.mark.thorough, pytest.mark.timeout(60 + 60 * LIVES)),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),  # whoever dies closes nothing
]
HOUR = timedelta(hours=1)
OPEN = ("draft", "scheduled")
WHICH = range(20)
NETWORKS = ("twitter", "threads")
"""One that files are sent to, and one that fetches them, where they have to be written anew."""
PLATFORMS = [["twitter"], ["threads"], ["twitter", "threads"]]
FORMS = ["JPEG", "PNG", "WEBP", "GIF"]
FAILURES = ["save", "save second", "dies saving", "dies after saving", "dies after second", "dies in end"]
STRIKES = ["none", "none", *FAILURES]
REMOVALS = ["none", "none", "delete", "dies in end", "dies deleting", "dies after deleting"]
ACTS: Acts = {
    "create": (4, (PLATFORMS, [None, 30, 4000])),
    "upload": (14, (WHICH, FORMS, STRIKES, [False, True])),
    "refuse": (3, (WHICH, ["half", "words", "quota"])),
    "describe": (4, (WHICH, WHICH, [0, 1, 5])),
    "remove": (7, (WHICH, WHICH, REMOVALS)),
    "delete": (3, (WHICH, REMOVALS)),
    "duplicate": (3, (WHICH, ["none", "none", "save", "open", "dies saving", "dies in end"])),
    "command": (6, (WHICH, ["schedule", "unschedule", "publish", "publish", "retry"])),
    "work": (6, ([None, 1, 2, 3, 5, 8],)),
    "work_and_meanwhile": (4, ([1, 2, 4, 6], ["upload", "remove", "delete", "sweep"], WHICH)),
    "sweep": (4, ()),
    "wait": (5, ([40, 1900, 5000, 90_000, 200_000],)),
    "peek": (4, (WHICH,)),
    "end_workspace": (1, ()),
}
BORN = [("create", ["threads"], 30), ("upload", 0, "WEBP", "none", False), ("wait", 40), ("work", None)]
THEN = [
    *[("create", ["twitter"], None), ("upload", 1, "PNG", "none", True), ("upload", 1, "JPEG", "none", False)],
    *[("describe", 1, 0, 5), ("command", 1, "publish"), ("work", None)],
]
"""How lives begin: with a file that a network fetches, then, in a long one, two whose order was changed."""


class Life:
    """Some posts with files, and what follows from what is done to them."""

    def __init__(self, site: Keeping) -> None:
        self.site = site
        self.product = site.product
        self.stranger = make_workspace().pk
        self.posts: list[Post] = []
        self.gone: set[str] = set()
        """The ids of files that were removed."""
        self.orphans: dict[str, datetime] = {}
        """Names of files that nobody needs and that something kept from being removed, and when they were written."""
        self.urls: list[Url] = []
        self.number = 0
        self.may_leave = False
        """Whether something happened that may leave files behind."""

    @property
    def now(self) -> datetime:
        return self.site.now

    def chosen(self, which: int) -> Post | None:
        return self.posts[which % len(self.posts)] if self.posts else None

    # What people do

    def create(self, platforms: list[str], wait: int | None) -> None:
        if len(self.posts) == 4:
            return
        self.number += 1
        body: dict[str, Any] = {"content": f"Bread {self.number}", "platforms": platforms}
        if wait is not None:
            body["scheduled_at"] = self.product.moment_in(wait)
        status, data = self.site.ask("POST", "/api/posts", body)
        assert status == 201, data
        self.posts.append(Post(id=data["post"]["id"], text=body["content"]))

    def upload(self, which: int, form: str = "JPEG", strike: str = "none", has_key: bool = False) -> None:
        """Add a file, while the storage does what it will; who has a key sends it again, and has it once."""
        post = self.chosen(which)
        if post is None or len(post.files) == 3:
            return
        self.read(post)
        self.number += 1
        content, key = painted(self.number, form), f"key {self.number}" if has_key else ""
        told = self.struck(strike, lambda: self.site.upload(post.id, content, key=key))
        if told is None or told[0] == 503:
            assert strike != "none", told
            self.read(post)  # nothing has come of it
            if not has_key:
                return
            self.product.clock.go_on(61)
            told = self.site.upload(post.id, content, key=key)
        self.uploaded(post, *told)
        if has_key:
            assert self.site.upload(post.id, content, key=key) == told

    def uploaded(self, post: Post, status: int, data: Any) -> None:
        if post.status not in OPEN:
            assert (status, data["code"]) == (409, "MEDIA_IN_USE"), (post, data)
        elif status == 201:
            self.added(post, data["media"], colour=self.number % len(COLOURS))
        else:
            assert (status, data["code"], post.status) == (422, "POST_NOT_PUBLISHABLE", "scheduled"), data

    def strike(self, name: str) -> None:
        """Have the storage fail, or the process die, at some call."""

        def fail() -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def die() -> None:
            self.site.shaky.is_dead = True
            raise Killed

        known: dict[str, Callable[[], object]] = {
            "save": lambda: self.site.shaky.will(fail, at="save"),
            "save second": lambda: self.site.shaky.will(fail, at="save", after=2),
            "open": lambda: self.site.shaky.will(fail, at="open"),
            "dies saving": lambda: self.site.shaky.will(die, at="save"),
            "dies after saving": lambda: self.site.shaky.will(die, at="saved"),
            "dies after second": lambda: self.site.shaky.will(die, at="saved", after=2),
            "delete": lambda: self.site.shaky.will(fail, at="delete"),
            "dies deleting": lambda: self.site.shaky.will(die, at="delete"),
            "dies after deleting": lambda: self.site.shaky.will(die, at="deleted"),
            "dies in end": lambda: setattr(self.site, "is_cut_off", True),
        }
        if name in known:
            known[name]()
            self.may_leave = True

    def added(self, post: Post, shown: dict[str, Any], *, colour: int) -> None:
        content = self.fetched(shown)
        names = [name_in(shown[key]) for key in ("url", "thumbnail_url") if shown[key]]
        assert colour_of(content) == colour
        assert (shown["size"], shown["post_id"]) == (len(content), post.id)
        made = {"id": shown["id"], "size": shown["size"], "position": shown["position"]}
        post.files.append(File(**made, colour=colour, names=names, content=content, alt_text=shown["alt_text"]))
        assert shown["position"] == max(each.position for each in post.files)

    def fetched(self, shown: dict[str, Any]) -> bytes:
        """Fetch a file and its thumbnail by addresses that were just given out."""
        status, content = self.site.bytes_at(shown["url"])
        small, thumbnail = self.site.bytes_at(shown["thumbnail_url"])
        assert (status, small) == (200, 200), shown
        for url, expected in ((shown["url"], content), (shown["thumbnail_url"], thumbnail)):
            self.urls.append(Url(url=url, until=self.now + HOUR, content=expected, file=shown["id"]))
        return content

    def refuse(self, which: int, how: str) -> None:
        """Send what must not be kept."""
        if (post := self.chosen(which)) is None:
            return
        self.read(post)
        content, limit = painted(1, "JPEG"), product_settings.STORAGE_LIMIT_MB
        if how == "half":
            status, data = self.site.send_half(post.id, content)
        else:
            with override_settings(STORAGE_LIMIT_MB=counts.bytes_used() / 1e6 if how == "quota" else limit):
                status, data = self.site.upload(post.id, content if how == "quota" else b"words")
        expected = {
            "half": (400, "MALFORMED_JSON"),
            "words": (422, "INVALID_MEDIA"),
            "quota": (413, "STORAGE_LIMIT_REACHED"),
        }
        if how != "half" and post.status not in OPEN:
            expected[how] = (409, "MEDIA_IN_USE")
        assert (status, data["code"]) == expected[how], (post, data)
        self.read(post)

    def describe(self, which: int, place: int, position: int) -> None:
        if (found := self.file_of(which, place)) is None:
            return
        post, file = found
        self.number += 1
        alt_text = f"Loaf {self.number}"
        status, data = self.site.ask("PUT", f"/api/media/{file.id}", {"alt_text": alt_text, "position": position})
        if status == 200:
            file.alt_text, file.position = alt_text, position
        self.is_allowed(post, status, data)

    def file_of(self, which: int, place: int) -> tuple[Post, File] | None:
        post = self.chosen(which)
        if post is None or not post.files:
            return None
        self.read(post)
        return post, post.files[place % len(post.files)]

    def is_allowed(self, post: Post, status: int, data: Any) -> None:
        if post.status not in OPEN:
            assert (status, data["code"]) == (409, "MEDIA_IN_USE"), (post, data)
        elif status != 200:
            assert (status, data["code"], post.status) == (422, "POST_NOT_PUBLISHABLE", "scheduled"), data

    def remove(self, which: int, place: int = 0, strike: str = "none") -> None:
        if (found := self.file_of(which, place)) is None:
            return
        post, file = found
        stranger = self.site.ask("DELETE", f"/api/media/{file.id}", workspace=self.stranger)
        assert (stranger[0], stranger[1]["code"]) == (404, "NOT_FOUND")
        told = self.struck(strike, lambda: self.site.ask("DELETE", f"/api/media/{file.id}"))
        if told is None:  # the row went with the commit, ahead of the bytes
            told = (200, {})
        if told[0] == 200:
            post.files.remove(file)
            self.gone.add(file.id)
            assert self.site.ask("GET", f"/api/media/{file.id}")[0] == 404
        self.is_allowed(post, *told)

    def struck(self, strike: str, act: Callable[[], tuple[int, Any]]) -> tuple[int, Any] | None:
        """Do something while the storage does what it will; returns None where the process died over it."""
        self.strike(strike)
        try:
            return act()
        except Killed:
            return None
        finally:
            self.site.shaky.heal()
            self.site.is_cut_off = False

    def delete(self, which: int, strike: str = "none") -> None:
        """Delete a post, with its files."""
        if (post := self.chosen(which)) is None:
            return
        self.read(post)
        told = self.struck(strike, lambda: self.site.ask("DELETE", f"/api/posts/{post.id}")) or (200, {})
        if post.status == "publishing":
            assert (told[0], told[1]["code"]) == (409, "CONFLICT")
            return
        assert told[0] == 200, told
        self.posts.remove(post)
        self.gone |= {file.id for file in post.files}

    def duplicate(self, which: int, strike: str) -> None:
        """Duplicate a post, as the console does."""
        post = self.chosen(which)
        if post is None or len(self.posts) == 5:
            return
        row, before = Row.objects.get(pk=post.id), set(Row.objects.values_list("pk", flat=True))
        self.struck(strike, lambda: self.copied(row))
        made = set(Row.objects.values_list("pk", flat=True)) - before
        for pk in made:
            copy = Post(id=pk, text=self.renamed(pk))
            shown = self.site.ask("GET", f"/api/posts/{pk}")[1]["post"]["media"]
            pairs = zip(self.in_order(post), shown, strict=True)
            for file, each in pairs:
                _, told = self.site.ask("GET", f"/api/media/{each['id']}")
                assert (told["media"]["alt_text"], told["media"]["id"]) == (file.alt_text, each["id"])
                self.added(copy, told["media"], colour=file.colour)
            self.posts.append(copy)

    def renamed(self, pk: str) -> str:
        """Give a post a text of its own, by which a network's post is known to be this one's, and return it."""
        self.number += 1
        status, data = self.site.ask("PUT", f"/api/posts/{pk}", {"content": f"Bread {self.number}"})
        assert status == 200, data
        return f"Bread {self.number}"

    def copied(self, row: Row) -> tuple[int, Any]:
        with suppress(storage.StorageUnavailable), self.site.commits():
            duplicating.duplicate_post(row, pk=new_id("post"), actor=SYSTEM, now=self.now, and_then=lambda _: None)
        return 0, None

    def command(self, which: int, name: str) -> None:
        if (post := self.chosen(which)) is not None:
            body = {"scheduled_at": self.product.moment_in(4000)} if name == "schedule" else None
            self.site.ask("POST", f"/api/posts/{post.id}/{name}", body)
            self.read(post)

    def peek(self, which: int) -> None:
        """Look at a preview, and at a file from elsewhere."""
        if (post := self.chosen(which)) is None:
            return
        status, data = self.site.ask("GET", f"/api/posts/{post.id}/preview")
        assert status == 200, data
        for target in data["targets"]:
            for file, shown in zip(self.in_order(post), target["media"], strict=False):
                assert self.site.bytes_at(shown["url"]) == (200, file.content)
        for file in post.files:
            for method, body in (("GET", None), ("PUT", {"alt_text": "Mine"})):
                status, data = self.site.ask(method, f"/api/media/{file.id}", body, workspace=self.stranger)
                assert (status, data["code"]) == (404, "NOT_FOUND")

    def end_workspace(self) -> None:
        """Delete a workspace with a post and a file: both go."""
        workspace = make_workspace()
        mine, self.product.api.headers["X-Workspace-ID"] = self.product.api.headers["X-Workspace-ID"], workspace.pk
        _, data = self.site.ask(
            "POST", "/api/posts", {"content": "x", "platforms": ["twitter"]}, workspace=workspace.pk
        )
        status, shown = self.site.upload(data["post"]["id"], painted(3, "JPEG"))
        self.product.api.headers["X-Workspace-ID"] = mine
        assert status == 201, shown
        content = self.fetched(shown["media"])
        assert counts.bytes_used([workspace.pk]) == len(content)
        self.site.ask("DELETE", f"/api/workspaces/{workspace.pk}")
        assert self.site.ask("GET", f"/api/media/{shown['media']['id']}", workspace=workspace.pk)[0] == 404
        for _ in range(3):
            with self.site.commits():
                workspaces.purge_deleted()
        assert not Workspace.objects.filter(pk=workspace.pk).exists()
        self.gone.add(shown["media"]["id"])

    # What workers do

    def work(self, dies_after: int | None = None) -> None:
        def die() -> None:
            raise Killed

        with suppress(Killed), self.site.commits():
            self.product.work(strike=die if dies_after else None, after=dies_after or 0)

    def work_and_meanwhile(self, after: int, action: str, which: int) -> None:
        """Be a worker while somebody does something to a file, or to the post."""
        given = [] if action == "sweep" else [which]
        with self.site.commits():
            self.product.work(strike=lambda: getattr(self, action)(*given), after=after)

    def sweep(self) -> None:
        """Sweep, as a worker does each hour: what nobody needed for two hours is gone then."""
        with self.site.commits():
            files.sweep(database_now())
        there = set(self.site.stored())
        late = [name for name, since in self.orphans.items() if name in there and since < self.now - self.longest(name)]
        assert not late, late

    def longest(self, name: str) -> timedelta:
        """Return how long what nobody needs may stay, by the hour's sweep."""
        return HOUR if name.startswith(FOLDERS) else 48 * HOUR

    def wait(self, seconds: float) -> None:
        self.product.clock.go_on(seconds)

    # What is believed

    def read(self, post: Post) -> dict[str, Any]:
        """Read a post: it has its files, in their order."""
        status, data = self.site.ask("GET", f"/api/posts/{post.id}")
        assert status == 200, data
        shown: dict[str, Any] = data["post"]
        assert [each["id"] for each in shown["media"]] == [each.id for each in self.in_order(post)], (post, shown)
        post.status = shown["status"]
        return shown

    def in_order(self, post: Post) -> list[File]:
        return sorted(post.files, key=lambda each: (each.position, each.id))

    def check(self) -> None:
        for post in self.posts:
            self.files_are_there(post)
        self.nothing_else_is_there()
        self.figures_agree()
        self.addresses_agree()
        self.networks_agree()

    def files_are_there(self, post: Post) -> None:
        shown = {each["id"]: each for each in self.read(post)["media"]}
        for file in post.files:
            assert self.site.bytes_at(shown[file.id]["url"]) == (200, file.content), file
            assert [name_in(shown[file.id][key]) for key in ("url", "thumbnail_url")] == file.names
            assert self.site.bytes_at(shown[file.id]["thumbnail_url"])[0] == 200

    def nothing_else_is_there(self) -> None:
        """What is stored is of files that are there, or was left by what went wrong."""
        needed = {name for post in self.posts for file in post.files for name in file.names}
        living = {self.rendition_of(file.id) for post in self.posts for file in post.files}
        there = set(self.site.stored())
        assert needed <= there
        others = {name for name in there - needed if name.rpartition("-")[0] not in living}
        new = others - self.orphans.keys()
        assert self.may_leave or not new, new
        self.orphans = {name: self.orphans.get(name, self.now) for name in others}
        self.may_leave = False

    def rendition_of(self, pk: str) -> str:
        return storage.rendition_name(pk, "").rpartition("-")[0]

    def figures_agree(self) -> None:
        used = sum(file.size for post in self.posts for file in post.files)
        assert (counts.bytes_used(), counts.bytes_used([self.product.workspace.pk])) == (used, used)

    def addresses_agree(self) -> None:
        """An address is good for an hour, as long as its file is there."""
        for each in self.urls[-20:]:
            status, content = self.site.bytes_at(each.url)
            if each.until <= self.now:
                assert status == 403, each
            elif each.file not in self.gone:
                assert (status, content) == (200, each.content), each.url
            else:
                assert status == 404 or name_in(each.url) in self.orphans, each.url

    def networks_agree(self) -> None:
        """What went out is what the post had, in its order."""
        by_text = {post.text: post for post in self.posts}
        for text, contents in self.site.got():
            post = by_text.get(text)
            if post is None or post.status in OPEN:
                continue
            assert [colour_of(content) for content in contents] == [file.colour for file in self.in_order(post)], post

    def end(self) -> None:
        """Delete all: a day and a half later, nothing of it is there."""
        for _ in range(60):
            self.work()
            if not any(self.read(post)["status"] in ("scheduled", "publishing") for post in self.posts):
                break
            self.product.clock.go_on(700)
        for post in [*self.posts]:
            self.delete(self.posts.index(post))
        self.check()
        self.product.clock.go_on(49 * 3600)
        self.sweep()
        assert (self.posts, self.site.stored()) == ([], [])


class WholeLifeTest(TestCase):
    databases = "__all__"
    product: Product
    endpoint = ""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.product = cls.enterClassContext(running(NETWORKS))
        cls.endpoint = "" if IS_USUAL else cls.enterClassContext(s3_server())
        cls.addClassCleanup(gc.collect)  # what the dead left open goes while that is no failure

    @settings(max_examples=LIVES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.integers(FIRST, 2**32))
    def test_a_file_is_there_as_long_as_it_is_needed(self, seed: int) -> None:
        random.seed(seed)
        self.product.begin_anew()
        acts = [*BORN, *([] if IS_USUAL else THEN), *drawn(ACTS, ACTS_OF_A_LIFE)]
        with ExitStack() as stack:
            endpoint = self.endpoint if seed % 3 == 0 else ""
            life = Life(stack.enter_context(keeping(self.product, endpoint=endpoint)))
            lived(life, acts, which=f"of the seed {seed}")
