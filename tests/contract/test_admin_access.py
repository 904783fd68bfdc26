"""/admin/login, logout and profile, as the reference shows them."""

import time_machine
from django.test import Client

from tests.conftest import AdminClient
from tests.contract.seed import assert_matches
from tests.factories import make_user


@time_machine.travel("2024-01-22T10:00:00Z", tick=False)
def test_logging_in_is_as_in_the_reference(db: None) -> None:
    make_user(email="admin@example.com", password="your_password", name="Admin User")

    body = {"email": "admin@example.com", "password": "your_password"}
    response = Client().post("/admin/login", body, content_type="application/json")

    assert_matches(response, "POST /admin/login", made=["token", "expires_at"])
    token = response.json()["data"]["token"]
    assert AdminClient(token).get("/admin/profile").json()["data"]["user"]["email"] == "admin@example.com"


def test_logging_out_ends_the_token(admin: AdminClient) -> None:
    response = admin.post("/admin/logout")

    assert_matches(response, "POST /admin/logout")
    assert admin.get("/admin/profile").status_code == 401
