"""What the descriptions allow, and much that they do not, is answered as they say.

No 500, no status, field or shape that is not described, no way past the credentials, nothing that outlives its end.
What a description cannot say, such as which zone or id exists, is not held against it. A few requests for each
operation here; with FUZZ_MINUTES as many as each description has time for, other ones in every run: `make fuzz`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.databases import fresh_database
from tests.product import ROOT, Product, running

pytestmark = [pytest.mark.crash, pytest.mark.on_servers, pytest.mark.timeout(0)]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
)
OPTIONS = ("--workers", "1", "--generation-database", "none", "--no-color", "--continue-on-failure")
MINUTES = int(os.environ.get("FUZZ_MINUTES", "0"))
LEFT_OUT = ("/admin/login", "/admin/logout", "/admin/profile", "/admin/health")
"""Calls after which the token would be over, or the address locked out; and the one whose 503 is an answer."""
UNLIMITED = "starter=1000000,professional=1000000,enterprise=1000000"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RATE_LIMITS", UNLIMITED)
        with fresh_database(home) as url, running(home, url) as started:
            yield started


def fuzz(schema: str, headers: dict[str, str], *options: str, examples: int, spared: str) -> None:
    """Ask for every operation in many ways, one after the other and in sequences that belong together.

    `spared` is the id of who acts, or of where: nothing changes or removes it.
    """
    length = ("--max-time", str(MINUTES * 60)) if MINUTES else ("--seed", "2", "--max-examples", str(examples))
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "run", schema, *given, "--checks", ",".join(CHECKS), *OPTIONS, *length, *options]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.processes.fuzz_hooks", "FUZZ_SPARED": spared}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(schema, *run.stdout.splitlines()[-12:], sep="\n")  # noqa: T201
    assert run.returncode == 0, run.stdout[-20_000:]


def test_the_api_answers_as_it_is_described(product: Product) -> None:
    fuzz(
        f"{product.base}/api/schema",
        product.client.headers,
        examples=2,
        spared=product.client.headers["X-Workspace-ID"],
    )


def test_the_admin_api_answers_as_it_is_described(product: Product) -> None:
    body = {"email": "admin@example.com", "password": "a long pass phrase"}
    answer = requests.post(f"{product.base}/admin/login", json=body, timeout=30).json()
    left_out = [part for path in LEFT_OUT for part in ("--exclude-path", path)]

    headers = {"Authorization": f"Bearer {answer['data']['token']}"}
    fuzz(f"{product.base}/admin/schema", headers, *left_out, examples=3, spared=answer["data"]["user"]["id"])
