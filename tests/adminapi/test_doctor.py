"""The doctor's single looks, where a set-up that is really broken would be hard to make: see `tests/processes`."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import responses
import time_machine
from django.core import checks
from django.core.files.storage import default_storage
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Pause
from adminapi import keyring
from adminapi.doctor import configuration, databases, examination, findings, services
from adminapi.doctor.examination import Check, examine
from adminapi.doctor.findings import Finding, well, wrong
from adminapi.doctor.rows import rows
from adminapi.models import Gap, Mark
from adminapi.monitoring import probes
from ouipost.api import health
from ouipost.claims import database_now
from ouipost.events import verifying
from ouipost.events.verifying import Waiting
from ouipost.redis import RedisAway, Script
from posts.models import Target
from tests.breaking import break_rows
from tests.factories import NOW, make_account, make_delivery, make_post, make_schedule, make_webhook, make_workspace
from tests.foundation.rings import NEW, OLD
from tests.foundation.threads import PATIENCE_SECONDS
from tests.outbound.servers import Server, answering, make_identity
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(databases=["default", "simulator"])


def test_rows_that_are_stored_otherwise_than_this_version_expects_are_named(workspace: Workspace) -> None:
    assert rows().status == "ok"
    account = make_account(workspace, platform="myspace")
    schedule = make_schedule(workspace, timezone="Mars/Olympus")
    pause = Pause.objects.create(scope="galaxy", in_force="galaxy:", reason="Too wide", paused_at=NOW)
    target = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=NOW).targets.get()
    break_rows(Workspace.objects.all(), "settings", [])
    break_rows(Target.objects.all(), "parts", {})

    found = rows()

    named = {
        f"workspaces_workspace.settings of {workspace.pk}",
        f"posts_target.parts of {target.pk}",
        f"{account.pk} (network myspace)",
        f"{pause.pk} (scope galaxy)",
        f"{schedule.pk} (time zone Mars/Olympus)",
    }
    told = found.message.removeprefix("Not as this version expects them: ").removesuffix(".")
    assert (found.status, set(told.split(", "))) == ("warning", named)


def test_rows_of_a_workspace_that_is_being_removed_are_nobodys_trouble() -> None:
    removed = make_workspace(deleted_at=NOW, settings={"timezone": "Mars/Olympus"})
    make_account(removed, platform="myspace")
    schedule = make_schedule(removed, timezone="Mars/Olympus", slots=[(0, "09:00", ["twitter"])])
    break_rows(schedule.slots.all(), "platforms", {})

    found = rows()

    assert found.status == "ok", found.message


class TestExamination:
    @pytest.fixture(autouse=True)
    def _in_this_transaction(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let each part be well, unless a test says otherwise: here it is about how answers are put together."""
        self.looked_at = list(examination.LOOKED_AT)
        self.components: dict[str, Any] = {}
        for place, each in enumerate(self.looked_at):
            if isinstance(each, Check):
                self.looked_at[place] = replace(each, look=lambda: well("Fine."))
            else:
                self.components[each.component] = {"status": probes.HEALTHY}
        monkeypatch.setattr(examination, "LOOKED_AT", self.looked_at)
        monkeypatch.setattr(examination, "Examination", lambda *, seconds: self)
        self.patch = monkeypatch

    def result(self, *, now: Any) -> Any:
        return probes.Health(at=now, components=self.components)

    def change(self, name: str, look: Callable[[], Finding], *, seconds: float = 5) -> None:
        [place] = [place for place, each in enumerate(self.looked_at) if each.name == name]
        self.looked_at[place] = Check(name=name, look=look, needs=self.looked_at[place].needs, seconds=seconds)

    def found(self) -> dict[str, Finding]:
        return {finding.name: finding for finding in examine()}

    def test_every_part_is_told_of_once_and_needs_another(self) -> None:
        names = [finding.name for finding in examine()]

        assert len(names) == len(set(names)) > 20
        assert {each.needs for each in self.looked_at} <= {"", *names}

    def test_what_networks_say_comes_last_and_one_that_cannot_be_asked_is_a_finding(self) -> None:
        def fail() -> Finding:
            raise RuntimeError("no such thing")

        asked = [Check(name=name, look=look) for name, look in (("a_app", fail), ("b_app", lambda: well("Fine.")))]
        self.patch.setattr(examination, "checks_of_apps", lambda: asked)

        told = examine(asks_networks=True)

        assert [(finding.name, finding.status) for finding in told[-2:]] == [("a_app", "wrong"), ("b_app", "ok")]

    def test_a_look_that_hangs_is_given_up_and_the_others_are_told(self) -> None:
        end, ended = threading.Event(), threading.Event()

        def hang() -> Finding:
            end.wait(PATIENCE_SECONDS)
            ended.set()
            return well("")

        self.change("clock", hang, seconds=0.2)

        found = self.found()

        assert not ended.is_set()
        end.set()
        assert (found["clock"].status, found["disk"].status) == ("wrong", "ok")
        assert found["clock"].message == "It did not answer within 0 seconds."

    def test_a_look_that_fails_is_a_finding_like_any_other(self) -> None:
        def fail() -> Finding:
            raise RuntimeError("no such thing")

        self.change("disk", fail)

        assert self.found()["disk"].message == "It could not be looked at: no such thing"

    def test_what_stands_on_something_wrong_is_unknown_unless_it_is_well(self) -> None:
        self.components["database"] = {"status": probes.UNHEALTHY, "message": "It is away."}
        self.change("migrations", lambda: wrong("None.", "Do."))
        self.change("key_ring", lambda: wrong("None.", "Do."))

        found = self.found()

        assert {name for name, finding in found.items() if finding.status == "wrong"} == {"database"}
        assert (found["migrations"].status, found["key_ring"].status, found["clock"].status) == (
            "unknown", "unknown", "ok"
        )  # fmt: skip
        assert found["key_ring"].message == "Nobody can tell: see database."

    def test_parts_that_are_weak_or_paused_are_warnings(self) -> None:
        self.components["queue"] = {"status": probes.DEGRADED, "message": "Nobody takes them."}
        self.components["publisher"] = {"status": probes.HEALTHY, "paused": ["All is paused."]}

        found = self.found()

        assert (found["broker"].status, found["broker"].message) == ("warning", "Nobody takes them.")
        assert (found["publishing"].status, found["publishing"].message) == ("warning", "All is paused.")


def test_in_text_each_has_its_line_and_what_to_do() -> None:
    found = [
        Finding(name="a", status="ok", message="Fine."),
        Finding(name="b", status="wrong", message="Bad.", action="Do"),
    ]

    assert findings.as_text(found).splitlines() == [
        "ok       a: Fine.",
        "WRONG    b: Bad.",
        "         do this: Do",
        "1 wrong, 1 ok.",
    ]
    assert "settings" in findings.refused("No key.", in_json=False)


class TestDatabases:
    def test_this_one_is_well(self) -> None:
        looks = (databases.server, databases.transactions, databases.collation, databases.clock, databases.migrations)

        assert [look().status for look in looks] == ["ok"] * 5

    def test_one_that_is_too_old(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(databases, "OLDEST", dict.fromkeys(databases.OLDEST, (99, 1)))

        assert databases.server().action.endswith("99.1 or newer.")

    def test_sqlite_that_does_not_write_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(databases, "_one", lambda statement: "wal" if "journal" in statement else 1)

        assert "synchronous is 1, not FULL" in databases._of_sqlite().message

    @pytest.mark.parametrize(
        ("changed", "status", "action"),
        [
            ({}, "ok", ""),
            ({"log_bin": "OFF", "sync_binlog": "0"}, "ok", ""),
            ({"sync_binlog": "0"}, "warning", "Set sync_binlog to 1."),
            ({"innodb_flush_log_at_trx_commit": "2"}, "warning", "Set innodb_flush_log_at_trx_commit to 1."),
            ({"binlog_format": "STATEMENT"}, "wrong", "Set binlog_format to ROW or MIXED."),
            ({"wsrep_on": "OFF"}, "ok", ""),
            ({"wsrep_on": "ON"}, "warning", "Let all processes write to the same server of it."),
        ],
    )
    def test_a_server_that_does_not_keep_what_we_rely_on(
        self, changed: dict[str, str], status: str, action: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        right = {"tx_isolation": "READ-COMMITTED", "log_bin": "ON", "binlog_format": "MIXED", "sync_binlog": "1"}
        right |= {"innodb_flush_log_at_trx_commit": "1"}
        monkeypatch.setattr(databases, "_variables", lambda: right | changed)

        found = databases._of_mysql()

        assert (found.status, found.action) == (status, action)

    @pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite has one kind of table")
    @pytest.mark.django_db(transaction=True)
    def test_tables_without_transactions(self) -> None:
        def found_with(engines: dict[str, str]) -> Finding:
            for table, engine in engines.items():
                cursor.execute(f"ALTER TABLE {table} ENGINE={engine}")
            return databases.transactions()

        tables = ("adminapi_gap", "adminapi_mark")
        with connection.cursor() as cursor:
            try:
                one, both = found_with({"adminapi_mark": "MyISAM"}), found_with({"adminapi_gap": "MyISAM"})
            finally:
                mended = found_with(dict.fromkeys(tables, "InnoDB"))

        assert (one.status, both.status, mended.status) == ("wrong", "wrong", "ok")
        assert one.message.endswith(": adminapi_mark.")
        assert both.message.endswith(": adminapi_gap and 1 more.")
        assert both.action.startswith("ALTER TABLE … ENGINE=InnoDB, for each of the tables")

    @pytest.mark.parametrize(
        ("apart", "trip", "status"),
        [
            (0.5, 0, "ok"),
            (5, 0, "warning"),
            (60, 0, "wrong"),
            (-60, 0, "wrong"),
            (9, 20, "ok"),  # it may have been read at any time of the trip
            (13, 20, "warning"),
        ],
    )
    def test_clocks_that_differ(self, apart: float, trip: float, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with time_machine.travel(NOW, tick=False) as clock:

            def halfway() -> datetime:
                clock.shift(trip)
                return timezone.now() + timedelta(seconds=apart - trip / 2)

            monkeypatch.setattr(databases, "database_now", halfway)

            assert databases.clock().status == status

    @pytest.mark.parametrize(("used", "status"), [(10, "ok"), (95, "warning"), (99, "wrong")])
    def test_a_disk_that_fills_up(self, used: float, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(databases, "percent_used", lambda folder: used)

        assert databases.disk().status == status

    @pytest.mark.parametrize("name", ["nowhere", "file"])
    def test_a_home_that_cannot_be_written_to(self, name: str, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        settings.OUIPOST_HOME = tmp_path / name

        found = databases.disk()

        assert (found.status, str(settings.OUIPOST_HOME) in found.message) == ("wrong", True)

    @pytest.mark.parametrize(
        ("state", "told", "action"),
        [
            ("unreachable", "can be opened", "See what SIMULATOR_DATABASE_URL"),
            ("migrations pending", "is as this version", "Run `manage.py prepare`"),
        ],
    )
    def test_a_database_that_is_not_ready(
        self, state: str, told: str, action: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "check", lambda alias: state if alias == "simulator" else "ok")

        found = databases.migrations()

        assert (told in found.message, f"(simulator: {state})" in found.message) == (True, True)
        assert found.action.startswith(action)

    @pytest.mark.parametrize("refused", ["INSERT", "UPDATE", "DELETE"])
    def test_a_database_that_takes_no_writes_of_a_kind(self, refused: str) -> None:
        def refuse(execute: Any, sql: str, *rest: Any) -> Any:
            if sql.startswith(refused):
                raise OperationalError(1142, f"{refused} command denied to user 'ouipost'")
            return execute(sql, *rest)

        is_sqlite = connection.vendor == "sqlite"
        fine = databases.writing()
        with connection.execute_wrapper(refuse):
            found = databases.writing()

        assert (fine.status, found.status) == ("ok", "wrong")
        assert found.message == f"It takes no writes: {refused} command denied to user 'ouipost'."
        assert ("its file" in found.action, "read-only" in found.action) == (is_sqlite, not is_sqlite)
        assert not Gap.objects.exists()

    def test_a_replica_that_is_away_or_does_not_follow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(alias: str) -> Mark | None:
            if alias == "default":
                return ours
            raise OperationalError(2002, "Can't connect to server on '192.0.2.1' (115)")

        def beside(**copy: Any) -> Finding:
            marks = {"default": ours, "replica": Mark(**{"database": "db_a", "at": NOW} | copy) if copy else None}
            monkeypatch.setattr(databases, "_mark", marks.get)
            return databases.the_replica()

        ours, late = Mark(database="db_a", at=NOW), {"at": NOW - timedelta(seconds=320)}
        without = databases.the_replica()
        monkeypatch.setattr(databases, "connections", {"replica": None})
        fine, empty, others = beside(at=NOW - timedelta(seconds=50)), beside(), beside(database="db_b")
        behind = beside(**late)
        monkeypatch.setattr(databases, "_mark", refuse)
        away = databases.the_replica()

        assert (without.status, fine.status) == ("ok", "ok")
        assert {each.status for each in (empty, others, behind, away)} == {"warning"}
        assert empty.message == others.message == "It is no copy of this database."
        assert behind.message == "It is 320 seconds behind, and so are reports and analytics."
        assert "Can't connect to server on '192.0.2.1'" in away.message

    def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount(self, tmp_path: Path) -> None:
        mounts = tmp_path / "mounts"
        mounts.write_text("disk / ext4 rw 0 0\nsystemd-1 /srv/data autofs rw 0 0\nserver:/x /srv/data nfs4 rw 0 0\n")

        assert databases.file_system_of(Path("/srv/data/home"), str(mounts)) == "nfs4"
        assert databases.file_system_of(Path("/srv/database"), str(mounts)) == "ext4"
        assert databases.file_system_of(Path("/"), str(tmp_path / "none")) == ""

    @pytest.mark.any_database
    def test_sqlite_on_another_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(databases, "file_system_of", lambda folder: "nfs4")

        assert databases.disk().action == "Keep SQLite on a local disk, or use MariaDB."


class TestConfiguration:
    def test_a_serious_check_a_weak_one_and_debug(self, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        found: list[checks.CheckMessage] = []
        monkeypatch.setattr(checks, "run_checks", lambda *, include_deployment_checks: found)
        settings.ALLOWED_HOSTS = ["*"]
        fine = configuration.given()
        found.append(checks.Warning("Short.", id="security.W009"))
        weak = configuration.given()
        found.append(checks.Error("Bad.", hint="Mend it.", id="x.E001"))
        serious = configuration.given()
        found.clear()
        settings.DEBUG = True

        assert [each.status for each in (fine, weak, serious, configuration.given())] == [
            "ok",
            "warning",
            "wrong",
            "warning",
        ]
        assert (serious.message, serious.action) == ("x.E001: Bad.", "Mend it.")

    def test_accounts_whose_network_has_no_app(self, settings: Settings) -> None:
        make_account(make_workspace(mode="live"), platform="bluesky")
        make_account(make_workspace(mode="sandbox"), platform="facebook")
        make_account(make_workspace(mode="live", deleted_at=NOW), platform="facebook")
        make_account(make_workspace(mode="live"), platform="facebook", disconnected_at=NOW)
        without = configuration.credentials()
        make_account(make_workspace(mode="live"), platform="facebook")
        lacking = configuration.credentials()
        app = {"client_id": "id", "client_secret": "secret", "version": "", "product": ""}
        settings.NETWORKS = settings.NETWORKS | {"facebook": app}

        assert [each.status for each in (without, lacking, configuration.credentials())] == ["ok", "wrong", "ok"]
        assert lacking.action == "Set FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET."

    def test_sandboxes_connect_nothing_where_no_simulator_runs(self, db: None, settings: Settings) -> None:
        settings.SIMULATOR = True
        on = configuration.credentials()
        settings.SIMULATOR = False

        assert (
            on.message == "No network has an app here: live workspaces can connect Bluesky alone, sandboxes everything."
        )
        assert configuration.credentials().message == "No network has an app here: Bluesky alone can be connected."

    def test_sandboxes_without_a_simulator_are_counted(self, settings: Settings) -> None:
        settings.SIMULATOR = False
        make_workspace(mode="sandbox", deleted_at=NOW)
        without = configuration.credentials()
        make_workspace(mode="sandbox")

        found = configuration.credentials()

        assert (without.status, found.status) == ("ok", "warning")
        assert found.message.startswith("1 workspace of the sandbox can neither connect nor publish")

    @pytest.mark.parametrize(
        ("day", "mode", "status"),
        [
            ("2027-07-16", "live", "ok"),
            ("2027-07-17", "live", "warning"),
            ("2027-09-14", "live", "warning"),
            ("2027-09-15", "live", "wrong"),
            ("2027-09-15", "sandbox", "ok"),
        ],
    )
    def test_the_end_of_an_apis_version_is_told_before_it_comes(
        self, day: str, mode: str, status: str, settings: Settings
    ) -> None:
        app = {"client_id": "id", "client_secret": "secret", "version": "202609", "product": ""}
        settings.NETWORKS = settings.NETWORKS | {"linkedin": app}
        make_account(make_workspace(mode=mode), platform="linkedin")

        with time_machine.travel(day):
            found = configuration.api_versions()

        assert found.status == status
        if status != "ok":
            assert "202609 of LinkedIn" in found.message
            assert found.message.endswith("on 2027-09-15.")
            assert found.action.startswith("Set LINKEDIN_API_VERSION ")

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            ({"body": configuration.PIXEL, "content_type": "image/png"}, "ok"),
            ({"body": configuration.PIXEL, "content_type": "application/octet-stream"}, "wrong"),
            ({"body": b"<html>Who are you?</html>", "content_type": "text/html"}, "wrong"),
            ({"status": 401}, "wrong"),
            ({"status": 302, "headers": {"Location": "https://login.example/"}}, "wrong"),
            ({"body": requests.ConnectionError("reset")}, "wrong"),
        ],
    )
    def test_a_file_is_fetched_at_the_public_address(
        self, answer: dict[str, Any], status: str, settings: Settings
    ) -> None:
        base = settings.PUBLIC_BASE_URL
        files = re.compile(rf"{re.escape(base)}/media/health/[0-9a-f]{{32}}\.png\?expires=.*&signature=.*")

        with responses.RequestsMock() as network:
            network.get(f"{base}/healthz", json={"status": "ok"})
            network.get(files, **answer)
            found = configuration.public_address()

        assert (found.status, "/media/" in found.message) == (status, status == "wrong")
        assert default_storage.listdir("health") == ([], [])

    def test_a_certificate_counts_where_this_machine_trusts_it(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        identity = make_identity(tmp_path, "localhost")
        server = Server(identity.over_tls(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")))
        settings.PUBLIC_BASE_URL = f"https://localhost:{server.port}"
        stranger = configuration.public_address()
        monkeypatch.setenv("SSL_CERT_FILE", str(identity.path))

        trusted = configuration.public_address()

        server.close()
        assert "not over TLS as it should: certificate verify failed: self-signed certificate." in stranger.message
        assert trusted.message.endswith("answers with status 404: that is not Oui Post.")

    def test_a_storage_that_takes_no_file_is_told_of_by_itself(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any) -> str:
            raise OSError("No space left on device")

        monkeypatch.setattr(default_storage, "save", fail)
        with responses.RequestsMock() as network:
            network.get(f"{settings.PUBLIC_BASE_URL}/healthz", json={"status": "ok"})

            found = configuration.public_address()

        assert (found.status, found.message.endswith("nobody can tell: see storage.")) == ("unknown", True)

    def test_secrets_under_an_old_key_and_under_an_unknown_one(self, workspace: Workspace, settings: Settings) -> None:
        settings.TOKEN_KEYS = [OLD]
        make_account(workspace)
        settings.TOKEN_KEYS = [NEW, OLD]
        keyring._set()
        old = configuration.key_ring()
        settings.TOKEN_KEYS = [NEW]
        unknown = configuration.key_ring()
        settings.TOKEN_KEYS = ["no ring"]

        assert [each.status for each in (old, unknown, configuration.key_ring())] == ["warning", "wrong", "wrong"]
        assert unknown.message == "TOKEN_KEYS lacks the key of 1 secret in accounts_socialaccount.access_token."


WELL = "redis_version:8.0.1\r\nredis_mode:standalone\r\nmaxmemory_policy:noeviction\r\n"


class TestServices:
    def test_none_is_used(self, settings: Settings) -> None:
        settings.REDIS_URL = settings.CELERY_BROKER_URL = ""

        assert services.redis_server().message == "None is used."

    @pytest.mark.parametrize(
        ("told", "status"),
        [
            (WELL, "ok"),
            ("redis_version:8.0.1\r\nredis_mode:cluster\r\nmaxmemory_policy:noeviction\r\n", "wrong"),
            ("redis_version:5.0.14\r\nredis_mode:standalone\r\nmaxmemory_policy:noeviction\r\n", "wrong"),
            ("redis_version:8.0.1\r\nredis_mode:standalone\r\nmaxmemory_policy:volatile-lru\r\n", "wrong"),
        ],
        ids=["well", "cluster", "old", "forgetful"],
    )
    def test_a_redis(self, told: str, status: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.REDIS_URL, settings.CELERY_BROKER_URL = "redis://well.example/0", "redis://broker.example/0"
        answers = {settings.REDIS_URL: WELL, settings.CELERY_BROKER_URL: told}

        def server(url: str) -> Any:
            return SimpleNamespace(run=lambda script, *, insist: answers[url].encode())

        monkeypatch.setattr(services, "patient_redis", server)

        assert services.redis_server().status == status

    @pytest.mark.parametrize(
        ("away", "status"),
        [(["broker"], "wrong"), (["well"], "ok"), (["well", "broker"], "unknown")],
    )
    def test_a_redis_that_does_not_answer_hides_nothing_of_the_other(
        self, away: list[str], status: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.REDIS_URL, settings.CELERY_BROKER_URL = "redis://well.example/0", "redis://broker.example/0"
        told = {"well": WELL.replace("noeviction", "allkeys-lru"), "broker": WELL}

        def server(url: str) -> Any:
            name = url.removeprefix("redis://").partition(".")[0]

            def run(script: Script, *, insist: bool) -> bytes:
                if name in away:
                    raise RedisAway("Error 111 connecting.")
                return told[name].encode()

            return SimpleNamespace(run=run)

        monkeypatch.setattr(services, "patient_redis", server)

        assert services.redis_server().status == status

    def test_tokens_that_nobody_renews(self, workspace: Workspace) -> None:
        lately = database_now() - services.UNTAKEN_AFTER / 2
        make_account(workspace, due_at=lately)
        make_delivery(make_webhook(), status="pending", due_at=lately)
        fine = services.backlog()
        make_account(workspace, remote_id="2", default_of=None, due_at=database_now() - 2 * services.UNTAKEN_AFTER)

        assert (fine.status, services.backlog().status) == ("ok", "warning")
        assert services.backlog().message == "1 token to be renewed waits for more than 5 minutes."

    def test_several_that_wait_are_told_together(self, workspace: Workspace) -> None:
        long_ago = database_now() - 2 * services.UNTAKEN_AFTER
        make_account(workspace, due_at=long_ago)
        make_delivery(make_webhook(), status="pending", due_at=long_ago)

        told = services.backlog().message

        assert told == "1 delivery of webhooks and 1 token to be renewed wait for more than 5 minutes."

    def test_accounts_that_wait_for_the_operator(self) -> None:
        told = {"code": "PLATFORM_UNAVAILABLE", "message": "The client secret is wrong."}
        make_account(make_workspace(mode="live"), platform="bluesky", last_error={**told, "who_acts": "network"})
        mine: dict[str, Any] = {"platform": "bluesky", "last_error": {**told, "who_acts": "operator"}}
        make_account(make_workspace(mode="sandbox"), **mine)
        make_account(make_workspace(mode="live", deleted_at=NOW), **mine)
        make_account(make_workspace(mode="live"), disconnected_at=NOW, **mine)
        passing = services.accounts()
        waits = make_account(make_workspace(mode="live"), **mine)

        found = services.accounts()

        assert (passing.status, found.status) == ("ok", "warning")
        assert found.message == f"1 cannot be used until you act. {waits.pk}: The client secret is wrong."

    @pytest.mark.parametrize(("overdue", "told"), [(1, "1 row"), (2, "2 rows")])
    def test_rows_that_nobody_seals(self, overdue: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
        fine = services.journal()
        monkeypatch.setattr(verifying, "waiting", lambda now: Waiting(rows=7, overdue=overdue))

        assert (fine.status, services.journal().status) == ("ok", "warning")
        assert services.journal().message == f"Older than a minute and not sealed: {told} of the audit log."
