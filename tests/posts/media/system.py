"""A storage that fails or kills its process at any call, and the product with its files in it."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase, override_settings
from PIL import Image

from ouipost.api import limits
from ouipost.simulator import models as networks
from posts.media import storage
from tests.posts.media.served import body, fetch
from tests.posts.system import A_MOMENT, Clock, Killed, Product
from tests.stores import Bucket, Folder, Kept

FOLDERS = ("media/", "thumbs/")
COLOURS = [(red, green, blue) for red in (10, 90, 170, 250) for green in (20, 110, 200) for blue in (30, 140, 240)]


@dataclass
class File:
    """The expected state of a file."""

    id: str
    size: int
    colour: int
    position: int
    names: list[str]
    content: bytes
    alt_text: str = ""


@dataclass
class Post:
    id: str
    text: str
    files: list[File] = field(default_factory=list)
    status: str = "draft"


@dataclass
class Url:
    """An address that was given out."""

    url: str
    until: datetime
    content: bytes
    file: str


class Shaky:
    """The product's storage, whose calls may fail, or kill the process."""

    def __init__(self, real: Any, clock: Clock) -> None:
        self.real = real
        self.clock = clock
        self.calls: dict[str, int] = {}
        self.act: Callable[[], None] | None = None
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def save(self, name: str, content: Any) -> str:
        self._count("save")
        saved: str = self.real.save(name, content)
        self.date(saved)
        self._count("saved")
        return saved

    def delete(self, name: str) -> None:
        self._count("delete")
        self.real.delete(name)
        self._count("deleted")

    def open(self, name: str, mode: str = "rb") -> Any:
        self._count("open")
        return self.real.open(name, mode)

    def date(self, name: str) -> None:
        """Give a file in a folder the clock's time; an S3 store uses the clock by itself."""
        if isinstance(self.real, storage.DurableFileStorage):
            os.utime(self.real.path(name), (self.clock.now.timestamp(),) * 2)

    def will(self, act: Callable[[], None], *, at: str, after: int = 1) -> None:
        """Call `act` at call number `after` of this kind."""
        self.calls, self.act = {at: after}, act

    def heal(self) -> None:
        self.calls, self.act, self.is_dead = {}, None, False

    def _count(self, what: str) -> None:
        if self.is_dead:
            raise Killed
        if what in self.calls and self.act is not None:
            self.calls[what] -= 1
            if self.calls[what] == 0:
                act, self.act = self.act, None
                act()


class Keeping:
    """The product with files, as its users see it, with its storage and the networks."""

    def __init__(self, product: Product, shaky: Shaky, kept: Kept) -> None:
        self.product = product
        self.shaky = shaky
        self.kept = kept
        self.is_cut_off = False
        """True if the process dies after its commits, before their callbacks."""

    @property
    def now(self) -> datetime:
        return self.product.clock.now

    def ask(self, method: str, path: str, body: Any = None, *, workspace: str = "", **headers: str) -> tuple[int, Any]:
        here = {"X_Workspace_ID": workspace} if workspace else {}
        return self.read(lambda: self.product.api(method, path, body, Prefer="wait=0", **here, **headers))

    def upload(self, post: str, content: bytes, *, key: str = "", **fields: str) -> tuple[int, Any]:
        headers = self.product.api.headers | ({"Idempotency-Key": key} if key else {})
        form = {"file": SimpleUploadedFile("bread.bin", content), **fields}
        path = f"/api/posts/{post}/media"
        return self.read(lambda: self.product.api.client.post(path, form, headers=headers))

    def send_half(self, post: str, content: bytes) -> tuple[int, Any]:
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="rye.jpg"\r\n\r\n' + content
        path, kind = f"/api/posts/{post}/media", "multipart/form-data; boundary=b"
        headers = self.product.api.headers
        return self.read(lambda: self.product.api.client.generic("POST", path, form, kind, headers=headers))

    def read(self, send: Callable[[], Any]) -> tuple[int, Any]:
        """Send a request, with the callbacks of its commits; returns the status, and the data or error."""
        limits.IN_PROCESS.reset()
        self.product.clock.go_on(A_MOMENT)
        with self.commits():
            answer = send()
        content = answer.json()
        return answer.status_code, content["data" if content["success"] else "error"]

    @contextmanager
    def commits(self) -> Iterator[None]:
        """Run the callbacks of commits at the end of the block, unless the process has died."""
        with TestCase.captureOnCommitCallbacks() as callbacks:
            yield
        for callback in [] if self.is_cut_off else callbacks:
            callback()
        self.is_cut_off = False

    def stored(self) -> list[str]:
        return [name for name in self.kept.names() if not name.startswith("health/")]

    def bytes_at(self, url: str) -> tuple[int, bytes]:
        answer = fetch(url)
        return answer.status_code, body(answer) if answer.status_code == 200 else b""

    def got(self) -> list[tuple[str, list[bytes]]]:
        """Return the text of each post at the networks, and the bytes of its files."""
        found = []
        for row in networks.Post.objects.alive().exclude(kind=networks.Post.RECORD).order_by("pk"):
            ids = [item["id"] for item in row.media]
            of = {each.external_id: bytes(each.content) for each in networks.Media.objects.filter(external_id__in=ids)}
            found.append((row.text, [of[pk] for pk in ids if pk in of]))
        return found


def name_in(url: str) -> str:
    return urlsplit(url).path.removeprefix("/media/")


def painted(number: int, form: str) -> bytes:
    """Return a picture of one colour, by which it is recognized in any format."""
    buffer = io.BytesIO()
    size = (400, 300 + number % 7)
    Image.new("RGB", size, COLOURS[number % len(COLOURS)]).save(buffer, form)
    return buffer.getvalue()


def colour_of(content: bytes) -> int:
    """Return the number of a picture's colour."""
    found = Image.open(io.BytesIO(content)).convert("RGB").getpixel((200, 150))
    assert isinstance(found, tuple)
    distances = [sum(abs(a - b) for a, b in zip(found, each, strict=True)) for each in COLOURS]
    return distances.index(min(distances))


@contextmanager
def keeping(product: Product, *, endpoint: str) -> Iterator[Keeping]:
    """Give a product that keeps its files in a new folder, or with an endpoint in a bucket."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory())) / "stored"
        root.mkdir()
        kept: Kept = Bucket(endpoint) if endpoint else Folder(root)
        default = {"default": kept.setting, "staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
        stack.enter_context(override_settings(STORAGES=default, MEDIA_ROOT=root))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        shaky = Shaky(storages["default"], product.clock)
        patch.setattr(storage, "default_storage", shaky)
        yield Keeping(product, shaky, kept)
