from collections.abc import Mapping
from typing import Any

class MultipartEncoder:
    content_type: str
    len: int
    def __init__(self, fields: Mapping[str, Any], boundary: str | None = ..., encoding: str = ...) -> None: ...
    def read(self, size: int = ...) -> bytes: ...
