"""What can become of a request that has no answer."""

from ouipost.phrases import Phrase


class Blocked(Exception):
    """The guard refuses the address; the message is always the same, so that it tells nothing about our network."""

    def __init__(self) -> None:
        super().__init__(Phrase("This address is not allowed: use an https address, on port 443, of a public host."))


class NotSent(Exception):
    """Certainly nothing of the request left: asking again is safe."""


class AnswerLost(Exception):
    """The request left, wholly or in part, and no whole answer came: the other side may have acted on it."""
