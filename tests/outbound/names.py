"""Name servers that know what a test tells them."""

import socket
from typing import Any


class NameServer:
    """Answers look-ups from `knows`, one list of addresses for all look-ups or one list for each in turn."""

    def __init__(self) -> None:
        self.knows: dict[str, list[Any]] = {}
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, port: int | None, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        addresses = self.knows.get(host, [])
        if addresses and isinstance(addresses[0], list):
            addresses = addresses.pop(0)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(None, None, None, "", (address, port or 0)) for address in addresses]
