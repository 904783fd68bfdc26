"""A broken rule of the product, in the words that the API answers with."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar


class DomainError(Exception):
    """A rule refused what was asked; `code` and `status` go into the answer as they are, `details` with them."""

    code: ClassVar[str] = "CONFLICT"
    status: ClassVar[int] = 409
    message: str = "The request conflicts with the present state."

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or self.message
        self.details = details
        super().__init__(self.message)

    @property
    def told(self) -> list[str]:
        """What it says to people: each field's sentences, else its message."""
        fields: dict[str, list[str]] = self.details.get("fields", {})
        return [text for texts in fields.values() for text in texts] or [self.message]


class InvalidInput(DomainError):
    """A value that no shape check could catch; `fields` maps dotted paths to what is wrong with each."""

    code = "VALIDATION_ERROR"
    status = 400
    message = "The request has invalid values."

    def __init__(self, /, **fields: Sequence[str]) -> None:
        super().__init__(fields=fields)


def problems_in(check: Callable[[], object]) -> dict[str, Sequence[str]]:
    """Return what a check finds wrong with its values, by field."""
    try:
        check()
    except InvalidInput as error:
        found: dict[str, Sequence[str]] = error.details["fields"]
        return found
    return {}
