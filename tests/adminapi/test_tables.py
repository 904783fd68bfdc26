"""The page about the admin API tells what the code allows."""

from tests.adminapi import tables
from workspaces.permissions import ADMIN_PERMISSIONS


def test_the_page_has_the_table_that_the_code_makes() -> None:
    page = tables.PAGE.read_text()

    assert page == tables.rewritten(page), f"docs/admin.md is not what the code allows: run {tables.COMMAND}"


def test_every_permission_is_told_with_its_roles() -> None:
    made = tables.permissions().splitlines()

    assert [line.split("`")[1] for line in made[2:]] == list(ADMIN_PERMISSIONS)
    assert made[2].startswith("| `users.manage` | yes | | | `users` | users |")
    assert "| `analytics.view` | yes | yes | yes |" in "\n".join(made)
