"""The stored files of posts in an S3 store, by django-storages; loaded only if the settings name it.

An object exists whole or not at all: the store shows it after its last part has come. This module holds at most one
part of a file in memory. Objects are as private as their bucket: we set no rights on them.
"""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3Storage

from ouipost.breaker import Breaker
from posts.media.storage import StorageUnavailable, mime_type_of

Given = ParamSpec("Given")
Result = TypeVar("Result")

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3, 10, 2
"""A store that does not answer is given up after 20 s, and the publish or the caller tries again."""
PAUSE_SECONDS = 20
"""The pause after a store did not answer: as long as one call to it may hold a thread."""
CONNECTIONS = 64
PART_BYTES = 8 * 1024 * 1024
"""S3 demands parts of at least 5 MiB, and at most 10,000 of them."""
BUFFER_BYTES = 256 * 1024
NOT_THERE = ("404", "NoSuchKey")
FIRST = "us-east-1"
"""The region of a bucket that is made without naming one."""


def _call(work: Callable[Concatenate["S3Files", Given], Result]) -> Callable[Concatenate["S3Files", Given], Result]:
    """Run a method of the storage as one call to the store."""

    @wraps(work)
    def call(storage: "S3Files", /, *given: Given.args, **named: Given.kwargs) -> Result:
        with storage.calling():
            return work(storage, *given, **named)

    return call


def _is_answer(error: Exception) -> bool:
    """Return whether the store answered, if only to refuse: that is no outage."""
    return isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500


def _reason(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return str(error)
    return f"{error.operation_name} was answered with {_code(error)}: {error.response['Error'].get('Message', '')}"


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))


class S3Files(S3Storage):
    """Files in a bucket: streamed in and out, under names that are never written twice.

    One client serves all threads of a process; django-storages would make one for each, at 13 MB and 0.1 s.
    """

    file_overwrite = False
    transfer_config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)

    def __init__(self, **options: Any) -> None:
        self._connecting = threading.Lock()
        self._connected: Any = None
        self._breaker = Breaker("The store of files", pause_seconds=PAUSE_SECONDS)
        self._last_reason = ""
        self.client_config = Config(
            signature_version="s3v4",
            s3={"addressing_style": options.get("addressing_style")},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=CONNECTIONS,
            request_checksum_calculation="when_required",  # stores other than Amazon's may not know the newer checksums
            response_checksum_validation="when_required",
        )
        super().__init__(**options)

    @property
    def connection(self) -> Any:
        """Return the resource for the store; threads share only its client, as boto3 allows."""
        with self._connecting:
            self._connected = self._connected or self._connect()
            return self._connected

    def _connect(self) -> Any:
        return self._create_session().resource(
            "s3", region_name=self.region_name, endpoint_url=self.endpoint_url, config=self.client_config
        )

    @property
    def client(self) -> Any:
        return self.connection.meta.client

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Turn any failure of the store or its connection into StorageUnavailable; in a pause, raise it at once."""
        if not self._breaker.allows():
            raise StorageUnavailable(reason=f"{self._last_reason} It is left alone for {PAUSE_SECONDS} s.")
        try:
            yield
        except FileNotFoundError:
            self._breaker.succeeded()
            raise
        except (BotoCoreError, ClientError) as error:
            refused = StorageUnavailable(reason=_reason(error))
            self._last_reason = refused.reason
            if _is_answer(error):
                self._breaker.succeeded()
            else:
                self._breaker.failed(error)
            raise refused from error
        self._breaker.succeeded()

    @_call
    def prepare(self) -> bool:
        """Create the bucket, open to nobody, if there is none; returns whether it was created."""
        try:
            self.client.head_bucket(Bucket=self.bucket_name)
        except ClientError as error:
            if _code(error) not in NOT_THERE:
                raise
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self.region_name}}
            self.client.create_bucket(Bucket=self.bucket_name, **({} if self.region_name == FIRST else elsewhere))
            return True
        return False

    @_call
    def exists(self, name: str) -> bool:
        return bool(super().exists(name))

    @_call
    def get_modified_time(self, name: str) -> datetime:
        modified: datetime = super().get_modified_time(name)
        return modified

    @_call
    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket_name, Key=self._normalize_name(name))

    @_call
    def _save(self, name: str, content: File[Any]) -> str:
        content.seek(0)
        given = {"ContentType": mime_type_of(name)}
        key = self._normalize_name(name)
        self.client.upload_fileobj(content.file, self.bucket_name, key, ExtraArgs=given, Config=self.transfer_config)
        return name

    @_call
    def size(self, name: str) -> int:
        return self._size(name)

    @_call
    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        key, size = self._normalize_name(name), self._size(name)
        reader = io.BufferedReader(Reader(lambda start: self._from(key, start), size, self.calling), BUFFER_BYTES)
        file = File(reader, name=name)
        file.size = size
        return file

    def _size(self, name: str) -> int:
        """Return the size of an object; raises FileNotFoundError if only it is gone, and not the bucket itself."""
        key = self._normalize_name(name)
        try:
            return int(self.client.head_object(Bucket=self.bucket_name, Key=key)["ContentLength"])
        except ClientError as error:
            if _code(error) not in NOT_THERE:
                raise
            self.client.head_bucket(Bucket=self.bucket_name)  # raises if the bucket itself is gone
            raise FileNotFoundError(name) from error

    def _from(self, key: str, start: int) -> Any:
        """Return a stream of the object's bytes from this offset on."""
        return self.client.get_object(Bucket=self.bucket_name, Key=key, Range=f"bytes={start}-")["Body"]

    def walk(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Give the name and time of each file below a folder, a thousand at a time from the store."""
        for entry in self._entries("list_objects_v2", "Contents", folder):
            yield self._name_of(entry["Key"]), entry["LastModified"]

    def discard_unfinished(self, folder: str, before: datetime) -> None:
        """Delete the parts of uploads that broke off: nobody sees them, and they cost money."""
        for entry in self._entries("list_multipart_uploads", "Uploads", folder):
            if entry["Initiated"] < before:
                self._abort(entry["Key"], entry["UploadId"])

    @_call
    def _abort(self, key: str, upload: str) -> None:
        self.client.abort_multipart_upload(Bucket=self.bucket_name, Key=key, UploadId=upload)

    def _entries(self, listing: str, kind: str, folder: str) -> Iterator[Any]:
        """Give the entries of a listing below a folder, page by page."""
        of = {"Bucket": self.bucket_name, "Prefix": f"{self._normalize_name(folder)}/"}
        pages = iter(self.client.get_paginator(listing).paginate(**of))
        while page := self._next(pages):
            yield from page.get(kind, ())

    @_call
    def _next(self, pages: Iterator[Any]) -> Any:
        return next(pages, None)

    def _name_of(self, key: str) -> str:
        return key.removeprefix(f"{self.location}/") if self.location else key


class Reader(io.RawIOBase):
    """An object as an open file: one request reads on from an offset, and each jump elsewhere makes a new one."""

    def __init__(
        self, fetch: Callable[[int], Any], size: int, calling: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._fetch = fetch
        self._calling = calling
        self._size = size
        self._at = 0
        self._body: Any = None
        self._body_at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        with self._calling():
            block = self._read(len(buffer))
        buffer[: len(block)] = block
        self._at += len(block)
        self._body_at = self._at
        return len(block)

    def _read(self, most: int) -> bytes:
        """Read on; reconnect once if the connection broke off, or was closed while nobody read."""
        try:
            return bytes(self._here().read(most))
        except BotoCoreError:
            self._let_go()
            return bytes(self._here().read(most))

    def _here(self) -> Any:
        if self._body is None or self._body_at != self._at:
            self._let_go()
            self._body, self._body_at = self._fetch(self._at), self._at
        return self._body

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        self._let_go()
        super().close()
