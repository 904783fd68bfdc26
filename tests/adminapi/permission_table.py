"""The table of docs/admin.md that is made from the code: `python -m tests.adminapi.permission_table` writes it anew."""

import os
import re
from pathlib import Path

import django

PAGE = Path(__file__).resolve().parents[2] / "docs" / "admin.md"
COMMAND = "python -m tests.adminapi.permission_table"
BLOCK = re.compile(r"(<!-- permissions -->\n).*?(<!-- /permissions -->)", re.DOTALL)


def permissions() -> str:
    """Return the table: a line for each permission, with the roles that have it and what it opens."""
    from tests.contract.routes import admin_routes
    from workspaces.permissions import ADMIN_PERMISSIONS, CONSOLE_PERMISSIONS, ROLE_PERMISSIONS

    lines = [
        f"| Permission | {' | '.join(f'`{role}`' for role in ROLE_PERMISSIONS)} | Below `/admin` | In the console |",
        "|---" * (len(ROLE_PERMISSIONS) + 3) + "|",
    ]
    routes = [(route.view.required_permission, route.resource) for route in admin_routes()]
    for name in ADMIN_PERMISSIONS:
        roles = ["yes" if name in given else "" for given in ROLE_PERMISSIONS.values()]
        opened = sorted({f"`{resource}`" for required, resource in routes if required == name})
        shown = [title for needed, title in _pages() if needed == name]
        shown += [_title(model) for model, needed in CONSOLE_PERMISSIONS.items() if needed == name and _has_list(model)]
        lines.append(f"| `{name}` | {' | '.join(roles)} | {', '.join(opened)} | {', '.join(shown)} |")
    return "\n".join(re.sub(r"  +", " ", line) for line in lines)


def _pages() -> list[tuple[str | None, str]]:
    """Return the console's rooms that are of no one model, by what opens each."""
    from adminapi.console.urls import urlpatterns

    routes = {str(each.pattern): getattr(each.callback, "console_permission", None) for each in urlpatterns}
    return [
        (needed, route[:-1].replace("-", " ")) for route, needed in routes.items() if re.fullmatch("[a-z-]+/", route)
    ]


def _has_list(label: str) -> bool:
    """Whether the console has a list of it: attempts stand on the page of their post alone."""
    from django.apps import apps
    from django.contrib import admin

    return admin.site.is_registered(apps.get_model(label))


def _title(label: str) -> str:
    from django.apps import apps

    name = str(apps.get_model(label)._meta.verbose_name_plural)
    return name if name.startswith("API") else name.lower()


def rewritten(page: str) -> str:
    """Return the page with the table as the code makes it."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{permissions()}\n\n{found[2]}", page)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
    django.setup()
    PAGE.write_text(rewritten(PAGE.read_text()))
