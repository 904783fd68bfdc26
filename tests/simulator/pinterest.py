"""Consent and films for the simulated Pinterest."""

import io
from functools import cache
from typing import Any
from urllib.parse import urlencode

import av
from PIL import Image

from tests.simulator.conftest import CALLBACK, Net, returned

AUTHORIZE = "www.pinterest.com/oauth/"
SCOPES = "boards:read,boards:write,pins:read,pins:write,user_accounts:read"


def query(**values: str) -> dict[str, str]:
    asked = {"response_type": "code", "client_id": "app", "redirect_uri": CALLBACK, "scope": SCOPES, "state": "s1"}
    return asked | values


def code(net: Net, *, client_id: str = "app", scope: str = SCOPES, login: str = "Demo") -> str:
    asked = urlencode(query(client_id=client_id, scope=scope))
    return returned(net.form(f"{AUTHORIZE}?{asked}", decision="allow", login=login))["code"]


@cache
def movie(seconds: int = 5, width: int = 64, height: int = 96, codec: str = "libx264") -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=2)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame: Any = av.VideoFrame
        for _ in range(2 * seconds):
            container.mux(stream.encode(frame.from_image(Image.new("RGB", (width, height), "navy"))))
        container.mux(stream.encode())
    return buffer.getvalue()
