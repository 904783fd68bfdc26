"""What Docker and systemd run exists: commands, options, queues, variables, files. Neither is started here."""

import re
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.bin.beat import beat
from celery.bin.worker import worker
from click import Command as ClickCommand
from django.core.management import get_commands, load_command_class
from django.urls import reverse

from deploy import ready
from ouipost.celery import app

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "ouipost"}
THEIRS = {name: service for name, service in COMPOSE["services"].items() if name not in OURS}
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
A_POST = "post_00000000-0000-7000-8000-000000000000"
TAKING_FILES = (
    ("posts-media", A_POST),
    ("console_compose",),
    ("console_compose_post", A_POST),
    ("console_compose_upload",),
)
CELERY: dict[str, ClickCommand] = {"worker": worker, "beat": beat}
GRACEFUL_SECONDS = 60
"""What a worker may take to end in good order, says docs/operations/servers.md."""


def section(page: str, heading: str) -> str:
    """Return what a page about operating says below this heading."""
    text = (ROOT / "docs" / "operations" / page).read_text()
    return text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]


def instructions(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ").strip() for line in DOCKERFILE if line.startswith(f"{name} ")]


def unit(path: Path) -> ConfigParser:
    """Read a unit with what all units of ours have."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=["="])
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read([UNITS / "ouipost-.service.d" / "common.conf", path])
    return parser


def commands() -> Iterator[tuple[str, list[str]]]:
    """Give every command line that starts something of ours, and where it stands."""
    yield "Dockerfile", yaml.safe_load(instructions("CMD")[-1])
    for name, service in OURS.items():
        if "command" in service:
            yield f"compose {name}", service["command"]
    for path in sorted(UNITS.glob("*.service")):
        program, *arguments = shlex.split(unit(path)["Service"]["ExecStart"])
        yield path.name, [Path(program).name, *arguments]


COMMANDS = dict(commands())


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_every_command_line_is_understood(command: list[str]) -> None:
    match command:
        case ["python", "manage.py", name, *options]:
            load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(options)
        case ["celery", "-A", "ouipost", "--quiet", name, *options] | ["celery", "-A", "ouipost", name, *options]:
            CELERY[name].make_context(name, list(options), obj=_celery(), resilient_parsing=False)
        case _:
            pytest.fail(f"Nothing is known of {command}")


def _celery() -> Any:
    from celery.bin.base import CLIContext

    return CLIContext(app=app, no_color=True, workdir=None, quiet=True)


@pytest.mark.parametrize("where", ["compose ", "ouipost-"])
def test_every_queue_has_a_worker_and_there_is_one_of_all_else(where: str) -> None:
    started = [" ".join(command) for name, command in COMMANDS.items() if name.startswith(where)]
    started += [" ".join(COMMANDS["Dockerfile"])] if where == "compose " else []

    queues = sorted(re.findall(r" -Q (\S+)", " ".join(started)))

    assert queues == sorted(app.amqp.queues)
    assert [sum(word in line for line in started) for word in (" web", " beat", " prepare")] == [2, 1, 1]


def test_every_variable_that_is_set_is_one_of_ours() -> None:
    known = set(re.findall(r"^# ([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    given = {name for service in OURS.values() for name in service["environment"]}
    given |= set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    given |= set(re.findall(r"\b([A-Z_]+)=", " ".join(instructions("ENV"))))
    for path in UNITS.glob("*.service"):
        given |= set(re.findall(r"([A-Z_]+)=", unit(path)["Service"]["Environment"]))

    assert given - {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"} <= known


def test_everything_that_is_copied_is_there_and_let_through_to_the_builder() -> None:
    copied = [source for line in instructions("COPY") for source in line.split()[:-1]]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {f"!{source.removeprefix('./')}" for source in copied} == {line for line in ignored if line.startswith("!")}
    assert "*" in ignored


def test_all_packages_of_ours_are_in_the_image() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench", "deploy"}

    assert packages <= set(" ".join(instructions("COPY")).split())


def test_the_image_runs_as_nobody_special_on_a_named_version() -> None:
    assert instructions("USER") == ["ouipost"]
    assert all(re.fullmatch(r"python:3\.13-slim-\w+( AS wheels)?", line) for line in instructions("FROM"))
    assert len(instructions("FROM")) == 2
    assert "deploy/ready.py" in instructions("HEALTHCHECK")[0]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_service_has_limits_a_restart_and_a_word_on_its_health(name: str) -> None:
    service = COMPOSE["services"][name]

    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["restart"] in ("unless-stopped", "on-failure:3")
    assert name == "web" or "healthcheck" in service  # the web process has the image's
    assert ":" in service["image"] or name in OURS


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_no_service_fills_the_disk_with_its_log(name: str) -> None:
    logging = COMPOSE["services"][name]["logging"]

    assert logging["driver"] == "json-file"
    assert set(logging["options"]) == {"max-size", "max-file"}


def test_the_image_can_be_read_where_the_checkout_kept_others_out(tmp_path: Path) -> None:
    [step] = [each for each in instructions("RUN") if "compileall" in each]
    (tmp_path / "ouipost").mkdir(mode=0o700)
    for name in ("manage.py", "ouipost/settings.py"):
        (tmp_path / name).touch(mode=0o600)
    programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"

    subprocess.run(["sh", "-c", step], cwd=tmp_path, env={"PATH": programs}, check=True)

    made = {path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert any(path.suffix == ".pyc" for path in made)
    assert [path for path, mode in made.items() if not mode & stat.S_IROTH] == []
    assert made[Path("ouipost")] & stat.S_IXOTH


def test_nothing_starts_before_the_databases_are_ready_for_it() -> None:
    waits = {name: service["depends_on"] for name, service in OURS.items() if name != "migrate"}
    ready_ones = {name: {"condition": "service_healthy"} for name in THEIRS}

    assert all(
        each == ready_ones | {"migrate": {"condition": "service_completed_successfully"}} for each in waits.values()
    )
    assert {name for name, service in COMPOSE["services"].items() if "ports" in service} == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["services"]["web"]["ports"])


def test_workers_have_the_time_to_end_what_they_have_in_flight() -> None:
    graces = [service["stop_grace_period"] for name, service in OURS.items() if name.startswith("worker-")]
    graces += [unit(path)["Service"]["TimeoutStopSec"] for path in UNITS.glob("ouipost-worker-*.service")]

    assert len(graces) == 6
    assert all(int(str(grace).removesuffix("s")) > GRACEFUL_SECONDS for grace in graces)


def test_a_database_that_starts_late_is_waited_for() -> None:
    prepare = unit(UNITS / "ouipost-prepare.service")
    waits = int(COMMANDS["ouipost-prepare.service"][-1])

    assert COMMANDS["ouipost-prepare.service"][-2] == "--wait"
    assert 60 * int(prepare["Service"]["TimeoutStartSec"].removesuffix("min")) > waits >= 300
    assert {"mariadb.service", "mysql.service"} <= set(prepare["Unit"]["After"].split())


def test_what_fails_before_the_databases_are_ready_is_tried_again_and_keeps_nothing_down() -> None:
    prepare = UNITS / "ouipost-prepare.service"
    others = set(UNITS.glob("*.service")) - {prepare, UNITS / "ouipost-serve.service"}
    starts = {tuple(unit(path)["Unit"].get(name) for name in ("Wants", "After", "Requires")) for path in others}

    assert unit(prepare)["Service"]["Restart"] == "on-failure"
    assert starts == {(prepare.name, prepare.name, None)}


@pytest.mark.parametrize("path", sorted(UNITS.glob("*.service")), ids=lambda path: path.name)
def test_every_unit_is_hardened_and_runs_as_its_own_user(path: Path) -> None:
    service = unit(path)["Service"]

    assert service["User"] == "ouipost"
    assert (service["NoNewPrivileges"], service["ProtectSystem"], service["CapabilityBoundingSet"]) == (
        "yes",
        "strict",
        "",
    )


def test_the_proxy_of_the_docs_keeps_slow_callers_from_our_threads_and_large_bodies_to_uploads() -> None:
    told = section("install.md", "## Behind a proxy")
    (large,) = re.findall(r"location ~ (\S+) \{\s+client_max_body_size 1100m", told)
    paths = [*(reverse(name, args=args) for name, *args in TAKING_FILES), "/sandbox/graph-video.facebook.com/"]

    assert "client_max_body_size 2m;" in told
    assert "proxy_set_header Host $http_host;" in told  # without its port, no form of the console would be taken
    assert [path for path in paths if not re.search(large, path)] == []
    assert [path for path in ("/admin/login", "/console/login/", "/connect/bluesky") if re.search(large, path)] == []
    assert not re.findall(r"\w+_buffering off", told)


def test_a_command_by_hand_has_the_settings_of_the_units() -> None:
    told = section("install.md", "## With systemd")
    [line] = re.findall(r"^manage\(\) \{ systemd-run (.*); \}$", told, re.MULTILINE)
    [added] = re.findall(r"^printf '%s\\n' (.*) >> /etc/ouipost/environment$", told, re.MULTILINE)
    service = unit(UNITS / "ouipost-prepare.service")["Service"]

    assert {"--pipe", "--wait", "--collect"} <= set(line.split())
    assert f"--uid={service['User']} --working-directory={service['WorkingDirectory']} " in line
    assert f" -p EnvironmentFile={service['EnvironmentFile']} " in line
    assert line.endswith(f'{service["ExecStart"].partition("prepare")[0]}"$@"')
    assert added == service["Environment"]


def test_an_upgrade_prepares_with_the_new_code_before_the_link_leads_there() -> None:
    by_hand = section("install.md", "### Commands in production")
    [manage] = re.findall(r'^manage\(\) \{ (systemd-run .*) "\$@"; \}$', by_hand, re.MULTILINE)
    here = manage.replace("=/opt/ouipost ", '="$PWD" ').replace(
        " /opt/ouipost/.venv/bin/python", ' "$PWD/.venv/bin/python"'
    )

    told = section("upgrade.md", "## With the systemd units").splitlines()

    prepares, links, restarts = map(
        told.index, (f"{here} prepare", 'ln -sfn "$PWD" /opt/ouipost', "systemctl restart ouipost-web")
    )
    assert prepares < links < restarts


def test_the_backup_of_the_docs_has_what_was_just_written_and_takes_no_other_file_for_the_database(
    tmp_path: Path,
) -> None:
    told = section("backup.md", "## Backup")
    [command] = re.findall(r"^python3 (-c '.*')$", told, re.MULTILINE)
    shell = ["/bin/sh", "-c", f"{sys.executable} {command}"]
    (tmp_path / "var").mkdir()

    without = subprocess.run(shell, cwd=tmp_path, capture_output=True, check=False)
    left = list(tmp_path.glob("**/*.sqlite3"))
    with closing(sqlite3.connect(tmp_path / "var" / "ouipost.sqlite3")) as database:
        database.executescript("PRAGMA journal_mode = WAL; CREATE TABLE posts (id); INSERT INTO posts VALUES (1)")
        subprocess.run(shell, cwd=tmp_path, check=True)
    with closing(sqlite3.connect(tmp_path / "backup.sqlite3")) as backup:
        rows = backup.execute("SELECT id FROM posts").fetchall()

    assert (without.returncode, left, rows) == (1, [], [(1,)])


def test_the_settings_of_the_docs_for_one_machine_are_enough_for_production(tmp_path: Path) -> None:
    told = section("install.md", "## On one machine")
    [settings] = re.findall(r"^install .* /dev/stdin /etc/ouipost/environment (<<END\n.*?^END\n)", told, re.M | re.S)
    (tmp_path / "static").mkdir()
    script = f"cat > environment {settings}set -a; . ./environment; OUIPOST_HOME=$PWD"
    shell = ["/bin/sh", "-c", f"{script} {sys.executable} {ROOT}/manage.py check --deploy --fail-level WARNING"]

    path = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(shell, cwd=tmp_path, env=path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_journal_drops_no_line_of_a_busy_service() -> None:
    assert unit(UNITS / "ouipost-web.service")["Service"]["LogRateLimitIntervalSec"] == "0"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.glob("*.service"):
        path.write_text(re.sub(r"(ExecStart=)\S+", rf"\1{shutil.which('true')}", path.read_text()))
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(folder.glob("*.service")))],
        env={"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, [line for line in done.stderr.splitlines() if "ouipost-" in line]) == (0, [])


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [("", "localhost"), ("*", "localhost"), ("example.com,b.example", "example.com"), (".example.com", "example.com")],
)
def test_the_health_check_asks_under_a_name_that_is_served(
    monkeypatch: pytest.MonkeyPatch, hosts: str, asked: str
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)

    assert ready.host() == asked


def test_the_health_check_fails_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9")

    assert not ready.is_ready()
