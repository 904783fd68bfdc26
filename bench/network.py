"""A network on loopback that takes X's posts, and events, and answers after a while: `bench.network PORT SECONDS`.

It costs next to nothing, so that what is measured is our side. `GET /calls` tells when each came, by its text or
its id, `GET /count` how many there were.
"""

import asyncio
import json
import sys
import time
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from typing import Any

BACKLOG = 1024


class Network:
    """Takes every post, keeps its text and time, and gives it an id."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls: list[tuple[str, float]] = []

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(length_of(head))
                answer = await self._answer(head, body)
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
                await writer.drain()
        except (IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /calls"):
            return json.dumps(self.calls).encode()
        if head.startswith(b"GET /count"):
            return json.dumps(len(self.calls)).encode()
        if head.startswith(b"GET"):
            return b"{}"  # whoever reads numbers finds none
        said = json.loads(body)
        self.calls.append((said.get("text") or said["id"], time.time()))
        number = len(self.calls)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        answer: dict[str, Any] = {"data": {"id": str(10**18 + number), "text": ""}}
        return json.dumps(answer).encode()


def length_of(head: bytes) -> int:
    """Return the length of the body that follows these headers."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def main(port: int, seconds: float) -> None:
    server = await asyncio.start_server(Network(seconds).serve, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
