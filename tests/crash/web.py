"""The web application, whose process dies at the point that a request names: `X-Crash-At: written`.

Served as `tests.crash.web:application`. A key's first request is given up as many times sooner as the engine is faster.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings

from ouipost.wsgi import application as product

# The product is set up here.
from ouipost.api import idempotency  # isort: skip
from posts import services  # isort: skip
from posts.media import files

from tests.crash.wrapping import wrap  # isort: skip

HEADER = "HTTP_X_CRASH_AT"
_here = threading.local()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """Answer as the product does, unless the request asks for this process's death."""
    _here.point = environ.get(HEADER, "")
    return product(environ, start_response)


def die_at(point: str) -> Callable[..., None]:
    def die(*_: Any) -> None:
        if getattr(_here, "point", "") == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


idempotency.LEASE = idempotency.LEASE / settings.ENGINE_SPEED
wrap(idempotency, "begin", after=die_at("begun"))
wrap(services, "create_post", after=die_at("written"))
wrap(files, "attach", after=die_at("written"))
wrap(idempotency, "_answered", after=die_at("answered"))
wrap(idempotency, "once", after=die_at("committed"))
wrap(idempotency, "once_prepared", after=die_at("committed"))
wrap(files, "keep", after=die_at("kept"))
