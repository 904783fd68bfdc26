"""Run the suite against real services: named ones, else private ones, else newly installed ones.

`python tests/services.py headers|sqlite|mariadb|all [pytest arguments]`. `DATABASE_URL_TEST` names a MariaDB or MySQL
server whose user may create databases, `REDIS_URL_TEST` a Redis server whose databases may be flushed; without them
throw-away servers are started from the installed binaries on free ports; without those they are installed, as root on
Debian or Ubuntu; else the run ends with the name of the missing package.
"""

import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120
CONNECTIONS = 600
"""Most connections: a product has 64 answering threads with one each, and each pytest process may have two products."""
LOCKED_SECONDS = 300
"""The longest wait for another installation, such as the updates of a new machine."""
PROCESSES = 6
"""Processes of pytest: on two cores, four may wait for products of real processes while two compute."""
BROWSERS = 2
"""Browser processes, each with a product of its own."""
PORTS = range(20_000, 30_000)
"""Ports below 32,768, from where Linux takes those of outgoing calls: these could else occupy a reserved port."""
KEPT: list[socket.socket] = []
"""A datagram socket for each reserved port, by which other processes of the suite skip it."""
IN_ORDER = ("--dist", "loadscope", "--no-loadscope-reorder")
"""A module at a time, in the order of `tests/conftest.py`."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """The host of a process: this machine, or a simulated one (`tests/crash/network.py`)."""

    address: str = "127.0.0.1"
    inside: tuple[str, ...] = ()
    """The prefix of a command to run it there."""


HERE = Host()


def main(command: str, *arguments: str) -> int:
    """Run one of the commands and return its exit status."""
    if command == "headers":
        need("mariadb_config", "libmariadb-dev", "pkg-config", "gcc", "python3-dev")
        return 0
    with tempfile.TemporaryDirectory(prefix="ouipost-run-") as folder, redis() as redis_url:
        os.environ |= {"REDIS_URL_TEST": redis_url, "OUIPOST_DATABASE_TEMPLATES": folder}
        return run_suites(command, Path(folder) / "totals", arguments)


def run_suites(command: str, totals: Path, arguments: tuple[str, ...]) -> int:
    """Run the suite on SQLite or MariaDB, for `all` on both and in a browser; returns the first bad exit status."""
    suites = {"sqlite": [on_sqlite], "mariadb": [on_mariadb], "all": [on_sqlite, in_a_browser, on_mariadb]}
    if command == "all":
        need("xgettext", "gettext")
    for suite in suites[command]:
        status = suite(totals, arguments)
        if status:
            return status
    return 0


def on_sqlite(totals: Path, arguments: tuple[str, ...]) -> int:
    return run_suite("SQLite", "", totals, ("-m", "not browser and not on_servers", *arguments))


def in_a_browser(totals: Path, arguments: tuple[str, ...]) -> int:
    """Run browser tests in separate processes, as the browser's event loop would disturb all later database tests."""
    need("chromium", "chromium")
    own = ("-n", str(BROWSERS), "-m", "browser", "tests/browser")
    return run_suite("SQLite, in a browser", "", totals, (*own, *arguments))


def on_mariadb(totals: Path, arguments: tuple[str, ...]) -> int:
    with database() as url:
        return run_suite("MariaDB", url, totals, ("-m", "not browser and not any_database", *arguments))


def run_suite(name: str, url: str, totals: Path, arguments: tuple[str, ...]) -> int:
    """Run pytest on one database; its last line is pytest's own summary."""
    print(f"\n== The suite on {name}", flush=True)  # noqa: T201
    environment = os.environ | {"DATABASE_URL_TEST": url, "OUIPOST_TOTALS": str(totals), "OUIPOST_DATABASE": name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes load the same code
    environment["OUIPOST_HOME"] = tempfile.mkdtemp(prefix="ouipost-tests-")
    command = [sys.executable, "-m", "pytest", "-n", str(PROCESSES), *IN_ORDER, "-q", *arguments]
    try:
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    finally:
        shutil.rmtree(environment["OUIPOST_HOME"], ignore_errors=True)


@contextmanager
def database(*options: str) -> Iterator[str]:
    """Give the address of a MariaDB or MySQL server for the tests; one of our own is started with these options."""
    named = os.environ.get("DATABASE_URL_TEST", "")
    if named:
        yield named
        return
    need("mariadbd", "mariadb-server")
    with tempfile.TemporaryDirectory(prefix="ouipost-mariadb-", ignore_cleanup_errors=True) as folder:
        server, url = start_mariadb(Path(folder), *options)
        try:
            yield url
        finally:
            server.terminate()
            server.wait(timeout=START_SECONDS)


def start_mariadb(folder: Path, *options: str, host: Host = HERE) -> "tuple[subprocess.Popen[bytes], str]":
    """Start a server of our own in this folder; it commits as durably as production must.

    On another host, everybody who can reach it is root.
    """
    os.chmod(folder, 0o755)  # noqa: S103 (an unprivileged server must enter it)
    user = server_user(folder)
    install = [find("mariadb-install-db"), f"--datadir={folder}/data", "--auth-root-authentication-method=normal"]
    install += ["--skip-test-db", *([f"--user={user}"] if user else [])]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    command = [*host.inside, find("mariadbd"), "--no-defaults", f"--datadir={folder}/data", f"--port={port}"]
    command += [f"--bind-address={host.address}", f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
    command += [f"--tmpdir={folder}", "--innodb-buffer-pool-size=256M", f"--log-error={folder}/log"]
    command += [f"--max-connections={CONNECTIONS}", *options]
    command += [f"--user={user}"] if user else []
    command += [] if host is HERE else ["--skip-grant-tables"]
    server = subprocess.Popen(command)
    wait_for_port(port, server, folder / "log", address=host.address)
    return server, f"mysql://root@{host.address}:{port}/ouipost"


@contextmanager
def redis() -> Iterator[str]:
    """Give the address of a Redis server for the tests."""
    named = os.environ.get("REDIS_URL_TEST", "")
    if named:
        yield named
        return
    need("redis-server", "redis-server")
    port = free_port()
    server = start_redis(port)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


def start_redis(port: int, *options: str, host: Host = HERE) -> "subprocess.Popen[bytes]":
    """Start a server of our own on this port; it keeps nothing on disk."""
    command = [*host.inside, find("redis-server"), "--port", str(port), "--bind", host.address]
    command += ["--save", "", "--appendonly", "no", "--protected-mode", "no", *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_for_port(port, server, address=host.address)
    return server


def server_user(folder: Path) -> str:
    """Return the account for a server that root starts; empty if we are not root."""
    if os.geteuid() != 0:
        return ""
    account = pwd.getpwnam("mysql")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return account.pw_name


def need(binary: str, *packages: str) -> None:
    """Install the packages if the binary is missing and we may; else exit with their names."""
    if find(binary):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(packages)}", flush=True)  # noqa: T201
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-qq", "-o", f"DPkg::Lock::Timeout={LOCKED_SECONDS}"]
        subprocess.run([*apt, "update"], check=True, env=environment)
        install = [*apt, "install", "-y", "--no-install-recommends", *packages]
        subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)
    if not find(binary):
        sys.exit(f"{binary} is missing: install {' '.join(packages)} (Debian's names), then run this again.")


def find(binary: str) -> str:
    """Return the path of a program, including one that only root has in its path."""
    return shutil.which(binary, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def free_port() -> int:
    """Return a port without a listener, reserved for this process until it ends."""
    while True:
        port, kept = random.choice(PORTS), socket.socket(type=socket.SOCK_DGRAM)
        try:
            kept.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            kept.close()
        else:
            KEPT.append(kept)
            return port


def wait_for_port(
    port: int, server: "subprocess.Popen[bytes]", log: Path | None = None, *, address: str = HERE.address
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"A server did not start:\n{log.read_text() if log and log.exists() else ''}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
