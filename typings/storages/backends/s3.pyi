from typing import Any

import boto3
from django.core.files.storage import Storage

class S3Storage(Storage):
    bucket_name: str
    location: str
    region_name: str | None
    endpoint_url: str | None
    client_config: Any
    transfer_config: Any
    file_overwrite: bool
    def __init__(self, **settings: Any) -> None: ...
    @property
    def connection(self) -> Any: ...
    def _create_session(self) -> boto3.Session: ...
    def _normalize_name(self, name: str) -> str: ...
