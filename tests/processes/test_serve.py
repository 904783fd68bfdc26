"""`manage.py serve`: web and worker together, restarted when they die, stopped cleanly."""

import json
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adminapi.management.client import Client
from ouipost.runtime.supervisor import STOP_SECONDS
from tests.databases import fresh_database
from tests.foundation.threads import at_once
from tests.processes.asking import WEB, children_of
from tests.product import Product, answers, running, wait_for
from tests.services import HERE, free_port

pytestmark = [pytest.mark.crash, pytest.mark.any_database]
HEAR = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
IN_A_TERMINAL = (sys.executable, "-c", HEAR)
"""A process that hears when its terminal is closed, also where the tests run by nohup."""


def children(pid: int) -> dict[str, int]:
    """Return the process ids of the children of serve, by what they run."""
    found = {}
    for child in children_of(pid):
        found["worker" if "work" in said(child).split("\0")[-2:] else "web"] = child
    return found


def said(pid: int) -> str:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def both_new(now: dict[str, int], before: dict[str, int]) -> bool:
    """Tell whether both run and neither is one that was killed, which stays listed until serve has asked for it."""
    return len(now) == 2 and set(now.values()).isdisjoint(before.values())


def test_serve_restarts_what_dies_and_stops_on_term(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url)
        product.migrate()
        serve = product.serve()
        try:
            product.wait_until_ready()
            before = children(serve.pid)

            for pid in before.values():
                os.kill(pid, signal.SIGKILL)
            after = wait_for(
                lambda: now if both_new(now := children(serve.pid), before) else None,
                what="both to be started again",
            )
            product.wait_until_ready()
            serve.send_signal(signal.SIGTERM)
            status = serve.wait(timeout=30)

            assert (status, set(after)) == (0, {"web", "worker"})
            assert not any(Path(f"/proc/{pid}").exists() for pid in after.values())
        finally:
            product.stop()


@pytest.mark.parametrize("ended_by", [signal.SIGHUP, signal.SIGKILL])
def test_nobody_is_left_behind_when_its_terminal_is_closed_or_it_is_killed(tmp_path: Path, ended_by: int) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url, host=replace(HERE, inside=IN_A_TERMINAL))
        product.migrate()
        serve = product.serve()
        try:
            product.wait_until_ready()
            started = children(serve.pid)
            serve.send_signal(ended_by)

            wait_for(
                lambda: not any(Path(f"/proc/{pid}").exists() for pid in started.values()),
                what="web and worker to end as well",
            )
            assert set(started) == {"web", "worker"}
        finally:
            product.stop()


def test_one_that_is_stopped_while_the_web_process_loads_does_not_wait_for_it(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url)
        product.migrate()
        serve = product.serve()
        wait_for(
            lambda: [
                each
                for child in children_of(serve.pid)
                if "ouipost.runtime.server" in said(child)
                for each in children_of(child)
            ],
            what="the process that loads the product",
        )
        serve.send_signal(signal.SIGTERM)

        assert serve.wait(timeout=STOP_SECONDS / 2) == 0


def test_who_waits_for_a_post_is_answered_when_the_web_server_is_to_end(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as url, running(tmp_path, url) as product:
        account, port = product.client.connect("bluesky", "Alice"), free_port()
        server = product.start("-m", "ouipost.runtime.server", "--port", str(port), *WEB)
        client = Client(base := f"http://127.0.0.1:{port}", api_key="", workspace_id="")
        client.headers = product.client.headers | {"Prefer": "wait=60"}
        wait_for(lambda: answers(base), what="the web server")
        post = client.call("POST", "/api/posts", json={"content": "Rye.", "platforms": [account["id"]]})["post"]

        def end_meanwhile() -> int:
            wait_for(lambda: product.post(post["id"])["status"] == "publishing", what="the call")
            server.send_signal(signal.SIGTERM)
            return server.wait(timeout=10)

        told, status = at_once(lambda: client.call("POST", f"/api/posts/{post['id']}/publish"), end_meanwhile)

        assert (told["post"]["status"], status) == ("publishing", 0)


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_web_server_alone_ends_with_all_its_processes_when_it_is_told_to(tmp_path: Path, ended_by: int) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url, host=replace(HERE, inside=IN_A_TERMINAL))
        product.migrate()
        web = product.start("manage.py", "web", own_group=True)
        try:
            product.wait_until_ready()
            started = children_of(web.pid)
            os.killpg(web.pid, ended_by)  # as a terminal does
            status = web.wait(timeout=STOP_SECONDS)

            assert (status, [pid for pid in started if Path(f"/proc/{pid}").exists()]) == (0, [])
            assert started
        finally:
            product.stop()


@pytest.mark.parametrize("of_a_terminal", [signal.SIGINT, signal.SIGHUP])
def test_a_web_worker_leaves_the_signals_of_a_terminal_to_its_parent(tmp_path: Path, of_a_terminal: int) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url)
        product.migrate()
        web = product.start("manage.py", "web")
        try:
            product.wait_until_ready()
            workers = children_of(web.pid)
            for pid in workers:
                os.kill(pid, of_a_terminal)

            assert all(product.is_ready() for _ in range(20))
            assert children_of(web.pid) == workers
            assert workers
        finally:
            product.stop()


@pytest.mark.parametrize("command", ["serve", "web"])
def test_one_that_was_started_by_nohup_outlives_its_terminal(tmp_path: Path, command: str) -> None:
    with fresh_database(tmp_path) as url:
        product = Product(home=tmp_path, database_url=url, host=replace(HERE, inside=("nohup",)))
        product.migrate()
        started = product.start("manage.py", command, own_group=True)
        try:
            product.wait_until_ready()
            processes = [started.pid, *children_of(started.pid)]
            for name in (signal.SIGHUP, signal.SIGCONT):  # the second comes after the first
                os.killpg(started.pid, name)

            assert product.is_ready()
            assert [started.pid, *children_of(started.pid)] == processes
        finally:
            product.stop()


@pytest.mark.parametrize("command", ["serve", "web"])
def test_nobody_shares_the_port_of_another(tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        product = Product(home=tmp_path, database_url=f"sqlite:///{tmp_path}/none.sqlite3", port=other.getsockname()[1])

        status = product.start("manage.py", command).wait(timeout=30)

    (line,) = map(json.loads, product.log().splitlines())
    told = f"CommandError: Port {product.port} of 127.0.0.1 cannot be used: Address already in use. Stop"
    assert (status, line["level"], line["event"][: len(told)]) == (1, "error", told)
    assert not (tmp_path / "none.sqlite3").exists()


def test_what_fails_at_its_start_ends_it_and_is_said(tmp_path: Path) -> None:
    product = Product(home=tmp_path, database_url=f"mysql://root@127.0.0.1:{free_port()}/ouipost")

    status = product.serve().wait(timeout=30)

    assert (status, "The database does not answer (Can't connect to server" in product.log()) == (3, True)


def test_the_demo_is_made_once_and_in_production_told_of_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = Product(home=tmp_path, database_url=f"sqlite:///{tmp_path}/ouipost.sqlite3")
    demo = tmp_path / "demo.json"

    def served(told: str) -> tuple[str, str]:
        serve = product.start("manage.py", "serve", "--demo")
        wait_for(lambda: told in product.log(), what="the demo")
        serve.send_signal(signal.SIGTERM)
        assert serve.wait(timeout=30) == 0
        return demo.read_text(), product.log()

    try:
        first, _ = served("Workspace   ws_")
        (tmp_path / "log").unlink()
        monkeypatch.setenv("ENVIRONMENT", "production")
        monkeypatch.setenv("ALLOWED_HOSTS", "127.0.0.1")
        monkeypatch.setenv("SECURE_SSL_REDIRECT", "0")
        monkeypatch.setenv("SIMULATOR", "1")

        again, log = served(json.loads(first)["workspace_id"])

        assert (again, oct(demo.stat().st_mode & 0o777)) == (first, "0o600")
        assert [line for line in log.splitlines() if not line.startswith("{")] == []
    finally:
        product.stop()
