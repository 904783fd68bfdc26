"""Errors of requests that got no answer."""

from ouipost.phrases import Phrase


class Blocked(Exception):
    """The guard refuses the address; the message is always the same, so that it reveals nothing about our network."""

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                "This address is not allowed: use an https address, on port 443, of a public host, "
                "without a password and without a # part."
            )
        )


class NotSent(Exception):
    """Nothing of the request was sent: retrying is safe."""


class AnswerLost(Exception):
    """The request was sent, at least in part, without a complete answer: the other side may have acted on it."""

    def __init__(self, message: str = "", *, address: str = "") -> None:
        super().__init__(message)
        self.address = address
        """The IP address that it was sent to; not in the message, which others may read."""
