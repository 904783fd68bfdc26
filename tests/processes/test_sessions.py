"""What ends a login to the admin API ends it in every web process, with the next request; here in two."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.databases import fresh_database
from tests.processes.asking import WEB
from tests.product import answers, running, wait_for
from tests.services import free_port

pytestmark = [pytest.mark.crash, pytest.mark.on_servers]
BOSS, PASSWORD, OTHER = "admin@example.com", "a long pass phrase", "another pass phrase"


@dataclass(frozen=True, kw_only=True)
class Admins:
    """Two web processes of one product, and the token of its administrator."""

    bases: list[str]
    token: str

    def __call__(self, method: str, path: str, body: Any = None, *, token: str = "", base: int = 0) -> Any:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return requests.request(method, self.bases[base] + path, json=body, headers=headers, timeout=30)

    def seen(self, token: str, path: str = "/admin/users") -> list[int]:
        """Return the status of a request to each process."""
        return [self("GET", path, token=token, base=base).status_code for base in range(len(self.bases))]

    def new_user(self, name: str) -> tuple[str, str]:
        """Make an administrator at one process, log them in at the other; return id and token."""
        body = {"email": f"{name}@example.com", "password": PASSWORD, "role": "admin"}
        made = self("POST", "/admin/users", body)
        assert made.status_code == 201, made.text
        return made.json()["data"]["user"]["id"], log_in(self.bases[1], body["email"]).json()["data"]["token"]


def log_in(base: str, email: str, password: str = PASSWORD) -> requests.Response:
    return requests.post(f"{base}/admin/login", json={"email": email, "password": password}, timeout=30)


@pytest.fixture(scope="module")
def admins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admins]:
    home, port = tmp_path_factory.mktemp("admins"), free_port()
    second = f"http://127.0.0.1:{port}"
    with fresh_database(home) as url, running(home, url) as product:
        product.start("-m", "granian", "--port", str(port), *WEB)
        wait_for(lambda: answers(second), what="a web process")
        token = log_in(product.base, BOSS).json()["data"]["token"]
        yield Admins(bases=[product.base, second], token=token)


def test_a_logout_ends_the_token_everywhere(admins: Admins) -> None:
    _, token = admins.new_user("logout")
    assert admins.seen(token) == [200, 200]

    assert admins("POST", "/admin/logout", token=token).status_code == 200

    assert admins.seen(token) == [401, 401]


@pytest.mark.parametrize(
    ("name", "body"),
    [("password", {"password": OTHER}), ("disable", {"is_active": False}), ("role", {"role": "viewer"})],
)
def test_a_change_by_an_administrator_ends_it_everywhere(admins: Admins, name: str, body: dict[str, Any]) -> None:
    pk, token = admins.new_user(name)
    assert admins.seen(token) == [200, 200]

    assert admins("PUT", f"/admin/users/{pk}", body).status_code == 200

    assert admins.seen(token) == [401, 401]
    again = log_in(admins.bases[1], f"{name}@example.com", body.get("password", PASSWORD))
    assert again.status_code == (401 if name == "disable" else 200)
    if name == "role":
        assert admins.seen(again.json()["data"]["token"]) == [403, 403]


def test_a_password_of_ones_own_ends_it_everywhere(admins: Admins) -> None:
    _, token = admins.new_user("own")

    body = {"password": OTHER, "current_password": PASSWORD}
    assert admins("PUT", "/admin/profile", body, token=token).status_code == 200

    assert admins.seen(token, "/admin/profile") == [401, 401]


def test_a_removal_ends_it_everywhere(admins: Admins) -> None:
    pk, token = admins.new_user("removal")
    assert admins.seen(token) == [200, 200]

    assert admins("DELETE", f"/admin/users/{pk}").status_code == 200

    assert admins.seen(token) == [401, 401]


def test_other_permissions_hold_everywhere_at_once(admins: Admins) -> None:
    pk, token = admins.new_user("permissions")

    assert admins("PUT", f"/admin/users/{pk}", {"permissions": ["audit.view"]}).status_code == 200
    without = admins.seen(token)
    assert admins("PUT", f"/admin/users/{pk}", {"permissions": None}).status_code == 200

    assert (without, admins.seen(token)) == ([403, 403], [200, 200])


def test_wrong_passwords_are_counted_together(admins: Admins) -> None:
    admins.new_user("guessed")

    wrong = [log_in(admins.bases[number % 2], "guessed@example.com", OTHER).status_code for number in range(5)]
    right = [log_in(base, "guessed@example.com") for base in admins.bases]

    assert wrong == [401] * 5
    assert {answer.status_code for answer in right} == {429}
    assert log_in(admins.bases[0], BOSS).status_code == 200
