"""Domain errors: broken rules of the product, as the API answers them."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ouipost.phrases import Phrase


class DomainError(Exception):
    """A request breaks a rule; the answer has this `code`, `status`, `message` and `details`.

    A subclass without a code of its own is a conflict with the present state.
    """

    code: ClassVar[str] = "CONFLICT"
    status: ClassVar[int] = 409
    message: str = Phrase("The request conflicts with the present state.")

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or self.message
        self.details = details
        super().__init__(self.message)

    @property
    def told(self) -> list[str]:
        """The sentences for people: those of each field, else the message."""
        fields: dict[str, list[str]] = self.details.get("fields", {})
        return [text for texts in fields.values() for text in texts] or [self.message]


class InvalidInput(DomainError):
    """A value that validation of its form cannot catch; `fields` maps dotted paths to their problems."""

    code = "VALIDATION_ERROR"
    status = 400
    message = Phrase("The request has invalid values.")

    def __init__(self, /, **fields: Sequence[str]) -> None:
        super().__init__(fields=fields)


class SecretReplaced(DomainError):
    """The secret to be replaced has already been replaced."""

    message = Phrase(
        "It has got another secret meanwhile, so nothing was done: look at it before you give it one more."
    )


def problems_in(check: Callable[[], object]) -> dict[str, Sequence[str]]:
    """Return the fields of the InvalidInput that the check raises; none if it raises nothing."""
    try:
        check()
    except InvalidInput as error:
        found: dict[str, Sequence[str]] = error.details["fields"]
        return found
    return {}
