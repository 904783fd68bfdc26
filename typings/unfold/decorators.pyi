from collections.abc import Callable, Iterable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

def action(
    *,
    permissions: Iterable[str] | None = None,
    description: Any = None,
    url_path: str | None = None,
    attrs: dict[str, Any] | None = None,
    icon: str | None = None,
    variant: Any = None,
) -> Callable[[F], F]: ...
