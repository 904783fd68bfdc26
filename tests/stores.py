"""The two kinds of storage as a test sees them: a folder, and a bucket of a server that speaks S3 over HTTP."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from pytest_django import Settings

KEY, SECRET = "a key of the tests", "a secret of the tests"


class Kept(Protocol):
    """A storage from outside, past Django's."""

    setting: dict[str, Any]

    def names(self) -> list[str]: ...

    def put(self, name: str, *, age: timedelta, now: datetime) -> None:
        """Lay a file into the storage as if it had been there for so long."""

    def lose(self, name: str) -> None:
        """Take a file out of it."""

    def fail(self) -> None:
        """Take the storage away as a whole."""


@dataclass
class Folder:
    """Files on this machine."""

    root: Path
    setting = {"BACKEND": "posts.media.storage.DurableFileStorage"}

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def put(self, name: str, *, age: timedelta, now: datetime) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, times=((now - age).timestamp(),) * 2)

    def lose(self, name: str) -> None:
        (self.root / name).unlink()

    def fail(self) -> None:
        self.root.rename(self.root.with_name("elsewhere"))
        self.root.touch()


class Bucket:
    """A bucket of its own on the server of this test process."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"bucket-{uuid4().hex[:12]}"
        self.setting = setting(endpoint, self.name)
        self.client = _client(endpoint)
        self.client.create_bucket(Bucket=self.name)

    def names(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def put(self, name: str, *, age: timedelta, now: datetime) -> None:
        self.client.put_object(Bucket=self.name, Key=name, Body=b"x")
        _backend().buckets[self.name].keys[name].last_modified = (now - age).replace(tzinfo=None)

    def lose(self, name: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=name)

    def uploads(self) -> list[str]:
        """Return what was begun in parts and is not there yet."""
        listed = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return sorted(entry["Key"] for entry in listed)

    def fail(self) -> None:
        for name in self.names():
            self.lose(name)
        self.client.delete_bucket(Bucket=self.name)


@cache
def _client(endpoint: str) -> Any:
    import boto3

    access = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    return boto3.Session().client("s3", endpoint_url=endpoint, **access)


def setting(endpoint: str, bucket: str) -> dict[str, Any]:
    """Return Django's entry for a bucket."""
    options = {"bucket_name": bucket, "location": "", "access_key": KEY, "secret_key": SECRET}
    options |= {"endpoint_url": endpoint, "region_name": "us-east-1", "addressing_style": "path"}
    return {"BACKEND": "posts.media.s3.S3Files", "OPTIONS": options}


@contextmanager
def held(settings: Settings, bucket: Bucket, *, answers: bool) -> Iterator[None]:
    """Have the store gone from the network: its address refuses, or takes connections and says nothing."""
    from posts.media import s3 as backend

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if not answers:
            listener.listen()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "READ_SECONDS", 0.1)
            patch.setattr(backend, "ATTEMPTS", 1)
            settings.STORAGES = settings.STORAGES | {"default": setting(address, bucket.name)}
            try:
                yield
            finally:
                settings.STORAGES = settings.STORAGES | {"default": bucket.setting}


def _backend() -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


@contextmanager
def s3_server() -> Iterator[str]:
    """Give the address of a server that speaks S3 and forgets everything in the end; it answers in a thread."""
    from moto.server import ThreadedMotoServer  # half a second, for those who need it

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
