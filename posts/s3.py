"""The stored files of posts in a store that speaks S3, by django-storages; loaded only where the settings name it.

An object is there whole or not at all, for the store shows it when its last part has come. Nothing here holds more of
a file in memory than a part of it. Objects are as private as their bucket: we set no rights on them.
"""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3Storage

from posts.storage import StorageUnavailable, mime_type_of

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3, 10, 3
"""What does not answer is given up after 30 s, and a publish or its caller tries again."""
CONNECTIONS = 64
PART_BYTES = 8 * 1024 * 1024
"""No fewer than 5 MiB, and at most 10,000 parts, says S3."""
BUFFER_BYTES = 256 * 1024
NOT_THERE = ("404", "NoSuchKey")
FIRST = "us-east-1"
"""The region that a bucket is made in where none is named."""


@contextmanager
def _telling() -> Iterator[None]:
    """Turn whatever the store or the way to it fails with into StorageUnavailable."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise StorageUnavailable(reason=_reason(error)) from error


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
        self.client_config = Config(
            signature_version="s3v4",
            s3={"addressing_style": options.get("addressing_style")},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=CONNECTIONS,
            request_checksum_calculation="when_required",  # stores that are not Amazon's may not know the newer ones
            response_checksum_validation="when_required",
        )
        super().__init__(**options)

    @property
    def connection(self) -> Any:
        """Return the one way to the store, of which only the client is shared: a client may be, says boto3."""
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

    @_telling()
    def prepare(self) -> bool:
        """Make the bucket where there is none, open to nobody; returns whether it was made."""
        try:
            self.client.head_bucket(Bucket=self.bucket_name)
        except ClientError as error:
            if _code(error) not in NOT_THERE:
                raise
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": self.region_name}}
            self.client.create_bucket(Bucket=self.bucket_name, **({} if self.region_name == FIRST else elsewhere))
            return True
        return False

    @_telling()
    def exists(self, name: str) -> bool:
        return bool(super().exists(name))

    @_telling()
    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket_name, Key=self._normalize_name(name))

    @_telling()
    def _save(self, name: str, content: File[Any]) -> str:
        content.seek(0)
        given = {"ContentType": mime_type_of(name)}
        key = self._normalize_name(name)
        self.client.upload_fileobj(content.file, self.bucket_name, key, ExtraArgs=given, Config=self.transfer_config)
        return name

    @_telling()
    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        key = self._normalize_name(name)
        try:
            size = self.client.head_object(Bucket=self.bucket_name, Key=key)["ContentLength"]
        except ClientError as error:
            if _code(error) not in NOT_THERE:
                raise
            self.client.head_bucket(Bucket=self.bucket_name)  # raises where it is the bucket that is gone
            raise FileNotFoundError(name) from error
        reader = io.BufferedReader(Reader(lambda start: self._from(key, start), size), BUFFER_BYTES)
        file = File(reader, name=name)
        file.size = size
        return file

    def _from(self, key: str, start: int) -> Any:
        """Return the object's bytes from this one on, as they come."""
        return self.client.get_object(Bucket=self.bucket_name, Key=key, Range=f"bytes={start}-")["Body"]

    def walk(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Give the name and time of each file below a folder, a thousand at a time from the store."""
        for entry in self._entries("list_objects_v2", "Contents", folder):
            yield self._name_of(entry["Key"]), entry["LastModified"]

    @_telling()
    def discard_unfinished(self, folder: str, before: datetime) -> None:
        """Have the store drop the parts of uploads that broke off: nobody sees them, and they cost."""
        for entry in self._entries("list_multipart_uploads", "Uploads", folder):
            if entry["Initiated"] < before:
                of = {"Bucket": self.bucket_name, "Key": entry["Key"], "UploadId": entry["UploadId"]}
                self.client.abort_multipart_upload(**of)

    def _entries(self, listing: str, kind: str, folder: str) -> Iterator[Any]:
        """Give what a listing has below a folder, page by page."""
        of = {"Bucket": self.bucket_name, "Prefix": f"{self._normalize_name(folder)}/"}
        with _telling():
            for page in self.client.get_paginator(listing).paginate(**of):
                yield from page.get(kind, ())

    def _name_of(self, key: str) -> str:
        return key.removeprefix(f"{self.location}/") if self.location else key


class Reader(io.RawIOBase):
    """An object as an open file: asked for once from where it is read, and again where the reader jumps elsewhere."""

    def __init__(self, fetch: Callable[[int], Any], size: int) -> None:
        self._fetch = fetch
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
        with _telling():
            block = self._read(len(buffer))
        buffer[: len(block)] = block
        self._at += len(block)
        self._body_at = self._at
        return len(block)

    def _read(self, most: int) -> bytes:
        """Read on; a connection that broke off, or was closed while nobody read, is made again once."""
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
