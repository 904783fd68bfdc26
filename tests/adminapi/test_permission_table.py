"""The page about the admin API tells what the code allows."""

from django.contrib import admin
from django.urls import get_resolver

from tests.adminapi.permission_table import COMMAND, PAGE, permissions, rewritten
from workspaces.permissions import ADMIN_PERMISSIONS, CONSOLE_PERMISSIONS


def test_the_page_has_the_table_that_the_code_makes() -> None:
    page = PAGE.read_text()

    assert page == rewritten(page), f"docs/admin.md is not what the code allows: run {COMMAND}"


def test_every_permission_is_told_with_its_roles() -> None:
    made = permissions().splitlines()

    assert [line.split("`")[1] for line in made[2:]] == list(ADMIN_PERMISSIONS)
    assert made[2].startswith("| `users.manage` | yes | | | `users` | users |")
    assert "| `analytics.view` | yes | yes | yes |" in "\n".join(made)


def test_a_permission_opens_no_model_that_the_console_does_not_show() -> None:
    assert get_resolver().url_patterns  # the console's pages come with the addresses

    pages = admin.site._registry
    shown = [*pages, *(inline.model for page in pages.values() for inline in page.inlines)]
    assert set(CONSOLE_PERMISSIONS) == {model._meta.label_lower for model in shown}
