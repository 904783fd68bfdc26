from typing import Any

s3_backends: Any
