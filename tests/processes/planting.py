"""A product that secrets are planted in through every door they come in by, and whose every word is kept."""

import base64
import html
import json
import re
import secrets
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, quote, quote_plus, unquote, urlsplit

import requests
from redis import Redis

from accounts import platforms
from adminapi.management.client import CALLBACK, Client
from ouipost.events.catalogue import EVENTS
from tests.contract.routes import admin_routes, api_routes
from tests.posts.media.clips import clip
from tests.posts.media.pictures import picture
from tests.product import ROOT, Product, wait_for
from tests.services import free_port, start_redis

NETWORKS = tuple(platform.id for platform in platforms.ALL)
SHORTEST = 12
PREFIX = 8
"""So many bytes of every form are looked up at once, whatever the number of secrets."""
URLSAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(kw_only=True)
class Secret:
    """What must not be found, but in the very places that are there to show it once."""

    name: str
    value: str
    shown_in: set[str] = field(default_factory=set)


class Text(NamedTuple):
    """Something that the product said or keeps, and where."""

    place: str
    content: bytes


class Vault(dict[str, Secret]):
    """All secrets of a run, by their values."""

    def plant(self, name: str, value: str, *shown_in: str) -> str:
        """Remember a secret and the places that may show it, and return it."""
        assert len(value) >= SHORTEST, name
        self.setdefault(value, Secret(name=name, value=value)).shown_in.update(shown_in)
        return value

    def key(self, name: str) -> str:
        """Plant what looks like an API key and is none."""
        return self.plant(
            name, f"pk_live_{''.join(secrets.choice('abcdefghijkmnpqrstuvwxyz23456789') for _ in range(32))}"
        )

    def password(self, name: str) -> str:
        """Plant a password that every encoding writes in another way."""
        return self.plant(name, f'Pä55 "{secrets.token_urlsafe(9)}" <&\\/+%>')


def forms(value: str) -> dict[str, bytes]:
    """Return a text as it may stand somewhere, by what has written it."""
    in_json = json.dumps(value)[1:-1]
    written = {
        "plain": value,
        "in an address": quote(value, safe=""),
        "in a form": quote_plus(value),
        "in JSON": in_json,
        "in JSON in JSON": json.dumps(in_json)[1:-1],
        "in JSON as UTF-8": json.dumps(value, ensure_ascii=False)[1:-1],
        "in HTML": html.escape(value),
        "in CSV": value.replace('"', '""'),
        "by Python": repr(value)[1:-1],
        "by Python in ASCII": ascii(value)[1:-1],
        "in bytes by Python": repr(value.encode())[2:-1],
    }
    encoded = {form: text.encode() for form, text in written.items()}
    for shift in range(3):
        encoded[f"in base64, {shift} behind"] = _in_base64(value.encode(), shift)
        encoded[f"in URL-safe base64, {shift} behind"] = _in_base64(value.encode(), shift).translate(URLSAFE)
    return encoded


def _in_base64(value: bytes, shift: int) -> bytes:
    """Return what of the base64 of a longer text is this value's alone, so many bytes behind a multiple of three."""
    whole = base64.b64encode(b"\0" * shift + value)
    return whole[-(-shift * 8 // 6) : (shift + len(value)) * 8 // 6]


def found(secrets_: Iterable[Secret], texts: Iterable[Text]) -> list[str]:
    """Return each place in which a secret stands that it has no business with."""
    needles: dict[bytes, dict[bytes, tuple[Secret, str]]] = defaultdict(dict)
    for secret in secrets_:
        for form, needle in forms(secret.value).items():
            needles[needle[:PREFIX]].setdefault(needle, (secret, form))
    hits = {
        f"{secret.name}, {form}: {text.place}"
        for text in texts
        for secret, form in _in_text(text.content, needles)
        if text.place not in secret.shown_in
    }
    return sorted(hits)


def _in_text(
    content: bytes, needles: Mapping[bytes, Mapping[bytes, tuple[Secret, str]]]
) -> Iterator[tuple[Secret, str]]:
    for start in range(len(content) - PREFIX + 1):
        for needle, what in needles.get(content[start : start + PREFIX], {}).items():
            if content.startswith(needle, start):
                yield what


SENT = (
    *("access_token", "refresh_token", "client_secret", "code", "code_verifier", "fb_exchange_token", "token"),
    *("password", "appsecret_proof"),
)
SAID = (
    *("error", "error_description", "error_message", "message", "title", "detail", "code", "type", "status"),
    *("error_user_title", "error_user_msg", "error_subcode", "log_id"),
)
GIVEN = ("access_token", "refresh_token", "accessJwt", "refreshJwt", "token")
HOOKS = "hooks"
"""In the place of a network's host: not the networks' but a receiver of webhooks, who answers that it is not there."""
NOT_PASSED_ON = ("connection", "transfer-encoding", "keep-alive", "date", "server", "content-length")


class Gateway:
    """Stands between a product and its networks: learns what secrets pass, and can repeat what it is sent."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.networks = ""
        """The address of the product that plays the networks."""
        self.repeats: tuple[str, int] | None = None
        """The shape of an answer that repeats what it was sent, and its status; None: calls are passed on."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Passing", (_Passing,), {"gateway": self}))
        self.server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/sandbox"

    @contextmanager
    def repeating(self, shape: str, status: int) -> Iterator[None]:
        """Answer every call that carries a secret with an error that repeats it."""
        self.repeats = shape, status
        try:
            yield
        finally:
            self.repeats = None

    @contextmanager
    def running(self) -> Iterator["Gateway"]:
        with self.server, ThreadPoolExecutor(1) as threads:
            threads.submit(self.server.serve_forever)
            try:
                yield self
            finally:
                self.server.shutdown()


class _Passing(BaseHTTPRequestHandler):
    """Passes a call on to the networks, and their answer back."""

    gateway: Gateway
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        host = self.path.split("/")[2]
        sent = dict(_sent(self.path, dict(self.headers), body))
        if host != HOOKS:
            self._learn(sent, f"to {host}")
        if sent and self.gateway.repeats:
            (shape, status), words = self.gateway.repeats, " ".join(sent.values())
            told = {"Content-Type": "application/json", "X-Said": words}
            self._answer(status, told, json.dumps(SHAPES[shape](words)).encode())
        else:
            self._pass_on(body, host)

    def log_message(self, *_: Any) -> None:
        """Keep quiet: the requests are in the product's own log, as far as they are anywhere."""

    def _learn(self, passing: Mapping[str, str], way: str) -> None:
        for name, value in passing.items():
            if len(value) >= SHORTEST:
                self.gateway.vault.plant(f"{name} {way}", value)

    def _pass_on(self, body: bytes, host: str) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
        address = f"{self.gateway.networks}{self.path}"
        try:
            answer = requests.request(
                self.command, address, headers=headers, data=body, timeout=60, allow_redirects=False
            )
        except requests.RequestException:
            self.close_connection = True  # the network gave no answer, so neither do we
            return
        self._learn(dict(_given(answer)), f"from {host}")
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_ON}
        self._answer(answer.status_code, kept, answer.content)

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content if self.command != "HEAD" else b"")


SHAPES: dict[str, Callable[[str], Any]] = {
    "flat": lambda words: dict.fromkeys(SAID, words) | {"errors": [{"message": words}]},
    "nested": lambda words: {"error": dict.fromkeys(SAID, words) | {"errors": [{"message": words, "reason": words}]}},
}
"""What OAuth servers, X, LinkedIn, Pinterest and Bluesky say, in one; and what Meta, Google and TikTok do."""


def _sent(path: str, headers: Mapping[str, str], body: bytes) -> Iterator[tuple[str, str]]:
    """Give each secret that a call to a network carries."""
    scheme, _, credential = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        yield "client_secret", unquote(base64.b64decode(credential).decode().partition(":")[2])
    elif credential:
        yield "access_token", credential
    fields = parse_qsl(urlsplit(path).query)
    if "urlencoded" in headers.get("Content-Type", ""):
        fields += parse_qsl(body.decode())
    if "json" in headers.get("Content-Type", ""):
        fields += _fields(body)
    yield from ((name, value) for name, value in fields if name in SENT)


def _given(answer: requests.Response) -> Iterator[tuple[str, str]]:
    """Give each secret that a network gives: a code to the person's browser, or tokens."""
    for code in parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("code", ()):
        yield "code", code
    if "json" in answer.headers.get("Content-Type", ""):
        yield from ((name, value) for name, value in _fields(answer.content) if name in GIVEN)


def _fields(body: bytes) -> list[tuple[str, str]]:
    """Return every text of a JSON body with its name, however deep it is; none of a body that is cut."""
    texts: list[tuple[str, str]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        texts.extend((name, value) for name, value in pairs if isinstance(value, str))

    with suppress(ValueError):
        json.loads(body, object_pairs_hook=keep)
    return texts


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What was answered or printed, and the name of that place."""

    place: str
    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        return json.loads(self.text)["data"]


@dataclass(kw_only=True)
class Watched(Product):
    """A product whose answers and commands are all kept."""

    vault: Vault
    marker: str
    """Stands in every request, and so may stand everywhere."""
    settings: dict[str, str] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self.settings

    def set_up(self) -> "Watched":
        """Set up as every product, and plant the key that this shows."""
        super().set_up()
        self.vault.plant("bootstrap key", self.client.headers["X-API-Key"], *self.places("bootstrap"))
        return self

    def fill(self, database: str, command: Callable[[str], str]) -> str:
        """Run the command, whatever other tests have kept: its secrets are its own, and what it prints is looked at."""
        return command(database)

    def places(self, word: str) -> list[str]:
        """Return the places so far that have this word in their name."""
        return [text.place for text in self.texts if word in text.place]

    def manage(self, *arguments: str) -> str:
        heard = self.command(*arguments)
        assert heard.status == 0, heard.text
        return heard.text

    def command(self, *arguments: str, **settings: str) -> Heard:
        """Run a command to its end, whatever it is, with some settings of its own; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | settings,
            capture_output=True,
            timeout=60,
            check=False,
        )
        place = f"command {next(self.numbers)} (manage.py {' '.join(arguments)[:50]})"
        self.texts.append(Text(place=place, content=done.stdout + done.stderr))
        return Heard(place=place, status=done.returncode, text=done.stdout.decode())

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        session: requests.Session | None = None,
        **request: Any,
    ) -> Heard:
        """Send a request and keep its answer, with head and body."""
        mine = {"X-Request-ID": self.marker, "User-Agent": self.marker} | dict(headers or {})
        send = session.request if session else requests.request
        answer = send(
            method, f"{self.base}{path}", json=body, headers=mine, timeout=60, allow_redirects=False, **request
        )
        place = f"answer {next(self.numbers)}, {answer.status_code} ({method} {path[:80]})"
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.texts.append(Text(place=place, content=f"{head}\n\n".encode() + answer.content))
        return Heard(place=place, status=answer.status_code, text=answer.text, headers=answer.headers)


class Tables:
    """A database of SQLite, read and written past the product."""

    def __init__(self, url: str) -> None:
        self.path = url.removeprefix("sqlite://")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=20)

    def run(self, *statements: str) -> list[Any]:
        """Run statements and return the rows of the last one."""
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            rows = list(cursor.fetchall() or ())
            connection.commit()
            return rows

    @contextmanager
    def without(self, table: str) -> Iterator[None]:
        """Take a table away for a while."""
        self.run(f"ALTER TABLE {table} RENAME TO away")
        try:
            yield
        finally:
            self.run(f"ALTER TABLE away RENAME TO {table}")

    def texts(self) -> Iterator[Text]:
        """Give every column of every table, as text."""
        for (table,) in self.run("SELECT name FROM sqlite_master WHERE type = 'table'"):
            with closing(self._connect()) as connection:
                found = connection.execute(f"SELECT * FROM {table}")  # noqa: S608
                names, rows = [name for name, *_ in found.description], found.fetchall()
            for name, values in zip(names, zip(*rows, strict=True), strict=False):
                kept = [value if isinstance(value, bytes) else str(value).encode() for value in values]
                yield Text(place=f"column {table}.{name}", content=b"\n".join(kept))


def in_files(home: Path) -> Iterator[Text]:
    """Give every file of a product, but for the one that is there for its secrets."""
    for file in sorted(home.rglob("*")):
        if file.is_file() and file != home / "secrets.env":
            yield Text(place=f"file {file.relative_to(home)}", content=file.read_bytes())


def in_redis(server: "Redis") -> Iterator[Text]:
    """Give every key of a Redis with what it holds, but for those that expire meanwhile."""
    look: dict[Any, Callable[[bytes], Any]] = {
        b"string": server.get,
        b"hash": server.hgetall,
        b"set": server.smembers,
        b"list": lambda key: server.lrange(key, 0, -1),
        b"zset": lambda key: server.zrange(key, 0, -1),
    }
    for key in server.scan_iter():
        kind = server.type(key)
        if kind != b"none":
            yield Text(place=f"Redis {key!r}", content=repr((key, look[kind](key))).encode())


@contextmanager
def redis(vault: Vault) -> Iterator[tuple["Redis", str]]:
    """Give a Redis of our own that wants a password, and its address."""
    port, password = free_port(), vault.plant("password of Redis", secrets.token_urlsafe(20))
    process = start_redis(port)
    try:
        with Redis(port=port) as server:
            server.config_set("requirepass", password)
        with Redis(port=port, password=password) as server:
            yield server, f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=15)


def environment(vault: Vault) -> dict[str, str]:
    """Return the settings of an installation whose every secret is planted."""
    keys = [vault.plant("TOKEN_KEYS", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()) for _ in range(2)]
    names = ("SECRET_KEY", "SIMULATOR_TOKEN", "METRICS_TOKEN", *(f"{each.upper()}_CLIENT_SECRET" for each in NETWORKS))
    named = {name: vault.plant(name, f"{secrets.token_urlsafe(48)}==") for name in names}
    ids = {f"{network.upper()}_CLIENT_ID": f"app-at-{network}" for network in NETWORKS}
    return named | ids | {"TOKEN_KEYS": ",".join(f"k{number}:{key}" for number, key in enumerate(keys))}


EMAIL = "{name}@example.com"


@dataclass(kw_only=True)
class Doors:
    """The ways in of a product with a live workspace; each function plants through one of them."""

    product: Watched
    gateway: Gateway
    tables: Tables
    workspace: str = ""
    token: str = ""
    accounts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By whom they belong to."""
    posts: list[str] = field(default_factory=list)
    browser: requests.Session = field(default_factory=requests.Session)

    @property
    def vault(self) -> Vault:
        return self.product.vault

    @property
    def key(self) -> dict[str, str]:
        return {"X-API-Key": self.product.client.headers["X-API-Key"], "X-Workspace-ID": self.workspace}

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> Heard:
        """Ask as a program of the live workspace."""
        return self.product.ask(method, path, body, headers=self.key | _dashed(headers))

    def admin(self, method: str, path: str, body: Any = None, **headers: str) -> Heard:
        """Ask as the administrator."""
        mine = {"Authorization": f"Bearer {self.token}"}
        return self.product.ask(method, path, body, headers=mine | _dashed(headers))

    def open(self) -> None:
        """Make an administrator and a workspace by command, and log in."""
        password, name = self.vault.password("bootstrap password"), f"Live {self.product.marker}"
        made = json.loads(
            self.product.manage(
                *("bootstrap", "--email", EMAIL.format(name="boss"), "--password", password, "--workspace", name),
                *("--mode", "live", "--json"),
            )
        )
        self.workspace = made["workspace_id"]
        for value in (made["api_key"], made["simulator_token"]):
            self.vault.plant("bootstrap key", value, *self.product.places("bootstrap"))
        self.token = self.log_in(EMAIL.format(name="boss"), password)

    def log_in(self, email: str, password: str) -> str:
        """Log in and plant the token; returns it."""
        heard = self.product.ask("POST", "/admin/login", {"email": email, "password": password})
        assert heard.status == 200, heard.text
        return self.vault.plant("login token", heard.data["token"], heard.place)

    def keys(self) -> None:
        """Make keys and rotate them, each asked for twice, and by command."""
        for number in range(2):
            body = {"name": f"Key {number} of {self.product.marker}", "mode": "live" if number % 2 else "test"}
            key_id = self._twice("/admin/keys", body, "api_key")
            self._twice(f"/admin/keys/{key_id}/rotate", None, "new_api_key")
        made = self.product.command("createapikey", "Cron")
        rotated = self.product.command("rotate_key", key_id, "--again")
        for heard in (made, rotated):
            self.vault.plant("key by command", heard.text.split()[1], heard.place)

    def webhooks(self) -> None:
        """Make webhooks and rotate their secrets, given and made, each asked for twice; and give secrets amiss."""
        for number in range(2):
            body: dict[str, Any] = {"url": f"{self.gateway.address}/{HOOKS}/{number}", "events": list(EVENTS)}
            made = self.vault.plant("given webhook secret", secrets.token_urlsafe(24)) if number % 2 else ""
            given = {"secret": made} if made else {}
            pk = self._twice("/admin/webhooks", body | given, "secret", of="webhook")
            self._twice(f"/admin/webhooks/{pk}/rotate-secret", None, "secret", of="webhook")
            misplaced = self.vault.plant("misplaced webhook secret", f"whsec_{secrets.token_urlsafe(24)}")
            self.admin("PUT", f"/admin/webhooks/{pk}", {"secret": misplaced})
            body |= {"secret": [misplaced], "url": f"https://a:{misplaced}@b.example"}
            self.admin("POST", "/admin/webhooks", body)

    def _twice(self, path: str, body: Any, name: str, *, of: str = "key") -> str:
        """Ask with an Idempotency-Key for what shows a secret, and again; returns the id of what has it."""
        key = str(next(self.product.numbers))
        first, again = (self.admin("POST", path, body, Idempotency_Key=key) for _ in range(2))
        assert first.status < 300, first.text
        shown = first.data[of]
        assert again.data[of][name] == shown[name]
        places = [first.place, again.place]
        self.vault.plant(f"{name} of an answer", shown[name], *places)
        for given in {"secret"} & set(body or ()):
            self.vault.plant("", body[given], *places)  # in the form that every library takes
        found: str = shown["id"]
        return found

    def wrong_keys(self) -> None:
        """Send keys that nobody has, and send them where none belongs."""
        ask, key = self.product.ask, self.vault.key
        for method, path in (("GET", "/api/posts"), ("POST", "/api/posts"), ("GET", "/api/nothing")) * 2:
            ask(method, path, headers={"X-API-Key": key("unknown key")})
        for path in ("/api/posts", "/admin/keys", "/admin/health", "/metrics"):
            ask("GET", path, headers={"Authorization": f"Bearer {key('key as a bearer')}"})
            ask("GET", path, headers={"Cookie": f"api_key={key('key as a cookie')}"})
            for name in ("api_key", "token", "key"):
                ask("GET", f"{path}?{name}={key('key in a query')}", headers=self.key)
            ask("GET", f"{path}/{key('key in a path')}", headers=self.key)
            self.admin("POST", f"{path}/{key('key in a path')}")
        for name in ("api_key", "X-API-Key", "content", "title"):
            self.api("POST", "/api/posts", {name: [key("key in a body")]})
        self._comes_back("key among ids", lambda given: self.api("POST", "/api/posts", {"platforms": [given]}))
        for header in ("X-Workspace-ID", "Idempotency-Key", "User-Agent", "Referer", "X-Forwarded-For", "Accept"):
            ask("POST", "/api/posts", {"content": 1}, headers=self.key | {header: key("key in a header")})
        self._comes_back("key as a label", lambda given: ask("GET", "/api/no", headers={"X-Request-ID": given}))
        # Who is not logged in is to come back to the address that they asked for.
        self._comes_back("key in the console", lambda given: ask("GET", f"/console/{given}?api_key={given}"))

    def _comes_back(self, name: str, send: Callable[[str], Heard]) -> None:
        """Send a key where it is no secret, but something of the sender's own that the answer names."""
        given = self.vault.key(name)
        self.vault.plant(name, given, send(given).place)

    def passwords(self) -> None:
        """Give passwords: of a new user, set for them, and their own."""
        new, email = self.vault.password, EMAIL.format(name="ann")
        first, second, third = new("password of a user"), new("password set for a user"), new("password of one's own")
        user = {"email": email, "name": "Ann", "role": "admin", "password": first}
        made = self.admin("POST", "/admin/users", user, Idempotency_Key="ann")
        self.log_in(email, first)
        path = f"/admin/users/{made.data['user']['id']}"
        assert self.admin("PUT", path, {"password": second}, Idempotency_Key="second").status == 200
        own = {"Authorization": f"Bearer {self.log_in(email, second)}"}
        for current, status in ((new("wrong present password"), 400), (second, 200)):
            body = {"password": third, "current_password": current}
            assert self.product.ask("PUT", "/admin/profile", body, headers=own).status == status
        self.log_in(email, third)

    def wrong_passwords(self) -> None:
        """Give passwords that are refused, as they are or because of where they stand."""
        new, email = self.vault.password, EMAIL.format(name="dora")
        login = self.product.ask
        for _ in range(3):
            login("POST", "/admin/login", {"email": email, "password": new("wrong password")})
        login("POST", "/admin/login", {"email": new("password as an address"), "password": new("wrong password")})
        login("POST", "/admin/login", {"email": email, "passwort": new("password under another name")})
        login("POST", "/admin/login", {"email": email, "password": [new("password in a list")]})
        login("POST", "/admin/login", {"email": email, "password": new("endless password") * 50})
        user = {"email": email, "name": "Dora", "role": "editor", "password": "short-secret"}
        self.vault.plant("password that is too common", "password1234")
        self.admin("POST", "/admin/users", user | {"password": "password1234"})
        for name in ("role", "email", "permissions", "is_active", "id"):
            self.admin("POST", "/admin/users", user | {name: new("password in another field")})
        for broken in ('{"email": "a@example.com", "password": %s', '{"password": %s, "password": 1}', "[%s]", "%s"):
            text = broken % json.dumps(new("password in a broken body"))
            for path in ("/admin/login", "/admin/users", "/admin/profile"):
                headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
                login("POST", path, headers=headers, data=text.encode())
        form = {"email": email, "password": new("password in a form")}
        login("POST", "/admin/login", data=form)
        login("POST", "/admin/login", files={"password": ("a", new("password as a file"))})

    def console(self) -> None:
        """Log in to the console, rightly and wrongly, and change the password there."""
        email, old, new = EMAIL.format(name="eva"), self.vault.password("console password"), self.vault.password
        user = {"email": email, "name": "Eva", "role": "admin", "password": old}
        assert self.admin("POST", "/admin/users", user).status == 201
        self._submit("login/", username=email, password=new("wrong console password"))
        typed = new("console password as a name")
        shown = self._submit("login/", username=typed, password=new("wrong console password"))
        self.vault.plant("", typed, shown.place)  # a field that everybody can read while they type
        entered = self._submit("login/", username=email, password=old)
        changed = new("new console password")
        wrong = {"old_password": new("wrong old password"), "new_password1": changed, "new_password2": changed}
        self._submit("password_change/", **wrong)
        done = self._submit("password_change/", **wrong | {"old_password": old})
        assert (entered.status, done.status) == (302, 302), done.text

    def _submit(self, page: str, **fields: str) -> Heard:
        self.product.ask("GET", f"/console/{page}", session=self.browser)
        form = fields | {"csrfmiddlewaretoken": self.browser.cookies["csrftoken"]}
        heard = self.product.ask("POST", f"/console/{page}", session=self.browser, data=form)
        if "sessionid" in self.browser.cookies:
            self.vault.plant("console session", self.browser.cookies["sessionid"], heard.place)
        return heard

    def forged_tokens(self) -> None:
        """Show tokens that nobody has signed."""
        head, claims, signature = self.token.split(".")
        none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"oui-admin+jwt"}').decode().rstrip("=")
        unsigned, changed = f"{none}.{claims}.", f"{head}.{secrets.token_urlsafe(60)}.{signature}"
        for token in (unsigned, changed, f"{head}.{claims}.{secrets.token_urlsafe(32)}", secrets.token_urlsafe(60)):
            self.vault.plant("forged token", token)
            for path in ("/admin/profile", "/admin/nothing", "/metrics", "/sandbox/_control/posts"):
                self.product.ask("GET", path, headers={"Authorization": f"Bearer {token}"})
            self.product.ask("GET", f"/admin/users?token={token}", headers={"Authorization": token})

    def sign_in(self, network: str, person: str) -> dict[str, str]:
        """Open a sign-in, twice with the same Idempotency-Key, and go through it; returns what came back."""
        asked = {"platform": network, "callback_url": CALLBACK}
        path, name = "/api/accounts", f"{network} {person} {next(self.product.numbers)}"
        opened, again = (self.api("POST", path, asked, Idempotency_Key=name) for _ in range(2))
        state, address = opened.data["state"], opened.data["auth_url"]
        assert again.data["auth_url"] == address
        self.vault.plant("state", state, opened.place, again.place)
        if network == "bluesky":
            return self._with_app_password(address, person)
        return Client(self.product.base, api_key="", workspace_id="")._allow(address, person)

    def _with_app_password(self, address: str, person: str) -> dict[str, str]:
        """Sign in on the product's own page: with a wrong app password, and with a right one."""
        path = address.removeprefix(self.product.base)
        state = parse_qs(urlsplit(address).query)["state"][0]
        form = {"state": state, "handle": f"{person.lower()}.bsky.social", "action": "connect"}
        asked = self.product.ask("GET", path)
        wrong = form | {"app_password": self.vault.password("wrong app password")}
        refused = self.product.ask("POST", path, data=wrong)
        right = form | {"app_password": self.vault.plant("app password", app_password())}
        back = self.product.ask("POST", path, data=right)
        assert (asked.status, refused.status, back.status) == (200, 422, 302), back.text
        code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
        self.vault.plant("state", state, asked.place, refused.place, back.place)
        return {"state": state, "code": self.vault.plant("code of our own page", code, back.place)}

    def connect(self, person: str) -> None:
        """Connect all accounts of a person at every network."""
        for network in NETWORKS:
            back = self.sign_in(network, person)
            sent = {"state": back["state"], "code": back["code"]}
            done = self.api("POST", "/api/accounts/callback", sent, Idempotency_Key=back["state"])
            if "candidates" in done.data:
                chosen = {"connection": done.data["connection"], "select": "all"}
                done = self.api("POST", "/api/accounts/callback", chosen)
            given = done.data.get("accounts") or [done.data["account"]]
            self.accounts.setdefault(person, []).extend(given)

    def people(self) -> None:
        """Connect the accounts of four people at every network."""
        for person in ("Ada", "Bea", "Cora", "Dina"):
            self.connect(person)

    def refused_sign_ins(self) -> None:
        """Come back from the networks with what they refuse, or with more than was asked for."""
        for network in NETWORKS:
            state, code = self._back(network)
            wrong = self.vault.plant("wrong code", secrets.token_urlsafe(40))
            self._callback(state=state, code=f"{CALLBACK}?code={wrong}&state={state}")
            self._callback(state=state, code=code)
            state, code = self._back(network)
            self.api("POST", "/api/accounts/callback", {"state": state, "code": code, "error": "access_denied"})
            self.api("GET", f"/api/accounts/callback?state={state}&code={code}")
            self._callback(state=state, error="access_denied")
            self.api("POST", "/api/accounts/callback", {"connection": code, "select": [code]})

    def _back(self, network: str) -> tuple[str, str]:
        back = self.sign_in(network, "Carl")
        return back["state"], back["code"]

    def _callback(self, **body: str) -> Heard:
        heard = self.api("POST", "/api/accounts/callback", body, Idempotency_Key=body["state"][:20])
        assert heard.status in (409, 422), heard.text
        return heard

    def repeated(self) -> None:
        """Have every network repeat what it is sent while accounts are connected and renewed."""
        for shape, status in (("flat", 400), ("nested", 400), ("flat", 500)):
            backs = [self.sign_in(network, "Dave") for network in NETWORKS if network != "bluesky"]
            with self.gateway.repeating(shape, status):
                for back in backs:
                    self._callback(state=back["state"], code=back["code"])
                self._refused_app_password()
                for account in self.accounts["Ada"]:
                    self.api("POST", f"/api/accounts/{account['id']}/refresh")

    def _refused_app_password(self) -> None:
        opened = self.api("POST", "/api/accounts", {"platform": "bluesky", "callback_url": CALLBACK})
        form = {"state": opened.data["state"], "handle": "dave.bsky.social", "action": "connect"}
        password = self.vault.plant("app password", app_password())
        refused = self.product.ask("POST", "/connect/bluesky", data=form | {"app_password": password})
        assert refused.status == 422, refused.text
        self.vault.plant("state", form["state"], opened.place, refused.place)

    def broken(self) -> None:
        """Have the product meet errors of its own while it holds secrets: tables are away, a row is damaged."""
        email, password = EMAIL.format(name="fay"), self.vault.password("password while a table is away")
        user = {"email": email, "name": "Fay", "role": "admin", "password": password}
        with self.tables.without("events_event"):
            self.admin("POST", "/admin/users", user, Idempotency_Key="fay")
            self.admin("POST", "/admin/keys", {"name": "Fay"}, Idempotency_Key="fay")
        assert self.admin("POST", "/admin/users", user).status == 201
        backs = [self.sign_in(network, "Fay") for network in NETWORKS]
        with self.tables.without("adminapi_session"):
            self.product.ask("POST", "/admin/login", {"email": email, "password": password})
            self.admin("GET", "/admin/profile")
        with self.tables.without("workspaces_apikey"):
            self.product.ask("GET", "/api/posts", headers={"X-API-Key": self.vault.key("key while a table is away")})
        with self.tables.without("accounts_socialaccount"):
            for back in backs:
                sent = {"state": back["state"], "code": back["code"]}
                assert self.api("POST", "/api/accounts/callback", sent, Idempotency_Key="away").status >= 500
        self._damaged()

    def _damaged(self) -> None:
        """Have the product meet an error that nobody foresaw."""
        path, body = f"/api/workspaces/{self.workspace}", {"settings": {"token": self.vault.key("key in settings")}}
        change = "UPDATE workspaces_workspace SET created_at = "
        self.tables.run(f"{change}'damaged ' || created_at")
        assert self.api("PUT", path, body).status == 500
        self.tables.run(f"{change}substr(created_at, 9)")

    def wrong_settings(self) -> None:
        """Start with settings that are wrong, as whoever forgets to encode a password does."""
        plant, wrong = self.vault.plant, secrets.token_hex
        for after in ("/x@127.0.0.1/none", "@127.0.0.1:1/none"):
            url = f"://ouipost:{plant('password in a wrong address', wrong(8))}{after}"
            self.product.command("stuck", DATABASE_URL=f"mysql{url}")
            self.product.command(*SHELL, ASKING, REDIS_URL=f"redis{url}")
            self.product.command(*SHELL, RINGING, CELERY_BROKER_URL=f"redis{url}")
        self.product.command(*SHELL, SEALING, TOKEN_KEYS=f"k1:{plant('broken TOKEN_KEYS', wrong(8))}")
        self.product.command("check", SECRET_KEY=plant("short SECRET_KEY", wrong(8)))

    def publish(self) -> None:
        """Publish everywhere: at networks that are well, that repeat what they are sent, and that are ill."""
        self.product.settings["LOG_FORMAT"] = "json"
        self.product.start("manage.py", "work")
        self.product.celery("--concurrency", "1")
        well = self.write("Bea", "well")
        self.wait(lambda target: target["status"] == "published", posts=well)
        self._schedule("Cora")
        for person, shape, status in (("Cora", "flat", 401), ("Dina", "nested", 400)):
            with self.gateway.repeating(shape, status):
                posts = self.write(person, shape)
                self.wait(lambda target: target["error"] is not None, posts=posts)
        for network, (effect, options) in zip(NETWORKS, TROUBLES * 3, strict=False):
            self.product.order(network=network, effect=effect, **options)
        ill = self.write("Bea", "ill")
        self.wait(lambda target: target["error"] is not None or target["status"] == "published", posts=ill)

    def _schedule(self, person: str) -> None:
        """Have a post wait for tomorrow, so that it is told of accounts that are over by then."""
        accounts = [each["id"] for each in self.accounts[person] if each["platform"] in ("facebook", "twitter")]
        at = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
        waiting = {"content": self.product.marker, "platforms": accounts, "scheduled_at": at}
        made = self.api("POST", "/api/posts", waiting)
        assert made.status == 201, made.text

    def write(self, person: str, word: str) -> list[str]:
        """Have two posts published to all accounts of a person, one with a picture and one with a video."""
        videos = [account for account in self.accounts[person] if account["platform"] == "youtube"]
        pictures = [account for account in self.accounts[person] if account not in videos]
        files = (("a.png", picture("PNG", size=(600, 600)), "image/png"), ("a.mp4", clip(), "video/mp4"))
        return [
            self._write(accounts, f"All is {word}: {self.product.marker}", file)
            for accounts, file in zip((pictures, videos), files, strict=True)
        ]

    def _write(self, accounts: list[dict[str, Any]], content: str, file: tuple[str, bytes, str]) -> str:
        boards = {each["platform"]: each["metadata"]["boards"] for each in accounts if each["platform"] == "pinterest"}
        options = OPTIONS | {network: {"board_id": found[0]["id"]} for network, found in boards.items()}
        chosen = {each["platform"]: {"options": options.get(each["platform"], {})} for each in accounts}
        body = {"content": content, "title": content[:90], "platform_content": chosen}
        made = self.api("POST", "/api/posts", body | {"platforms": [each["id"] for each in accounts]})
        assert made.status == 201, made.text
        pk: str = made.data["post"]["id"]
        added = self.product.ask("POST", f"/api/posts/{pk}/media", headers=self.key, files={"file": file})
        sent = self.api("POST", f"/api/posts/{pk}/publish", Idempotency_Key=pk, Prefer="wait=0")
        assert (added.status, sent.status) == (201, 202), added.text + sent.text
        self.posts.append(pk)
        return pk

    def wait(self, is_so: Callable[[dict[str, Any]], bool], *, posts: Iterable[str]) -> None:
        """Wait until this is so of every target of these posts."""
        for post in posts:
            wait_for(partial(self._is_so, is_so, f"{self.product.base}/api/posts/{post}"), what=f"post {post}")

    def _is_so(self, is_so: Callable[[dict[str, Any]], bool], address: str) -> bool:
        targets = requests.get(address, headers=self.key, timeout=10).json()["data"]["post"]["targets"]
        return all(map(is_so, targets))

    def command(self) -> None:
        """Run what an operator runs, and what a web process tells whoever watches it."""
        metrics = self.product.settings["METRICS_TOKEN"]
        commands = (
            *("sync_analytics --all --seconds 3", "dumpdata", "stuck --older-than 0 --json", "reconcile --wait 1"),
            *("prune", "verify_audit"),
        )
        with self.gateway.repeating("nested", 500), ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda command: self.product.command(*command.split()), commands))
        for path in ("/metrics", "/admin/health"):
            heard = self.product.ask("GET", path, headers={"Authorization": f"Bearer {metrics}"})
            assert heard.status in (200, 503), heard.text

    def read(self) -> None:
        """Read all that the API, the admin API and the console show."""
        ids = {name: [each["id"] for each in self.api("GET", f"/api/{name}").data[name]] for name in ("accounts",)}
        ids |= {
            name: [each["id"] for each in self.admin("GET", f"/admin/{name}").data[name]]
            for name in ("users", "keys", "webhooks")
        }
        ids |= {"posts": self.posts, "workspaces": [self.workspace]}
        for ask, routes in ((self.api, api_routes()), (self.admin, admin_routes())):
            for route in routes:
                for pk in ids.get(route.resource, ()) if route.places else ("",):
                    if route.method == "GET" and len(route.places) < 2:
                        heard = ask("GET", PLACE.sub(pk, route.template))
                        assert heard.status in (200, 503), heard.text
        pages = self.admin("GET", "/admin/audit?limit=100").data["pagination"]["total_pages"]
        for page in range(1, pages + 1):
            self.admin("GET", f"/admin/audit?limit=100&page={page}")
        self.admin("GET", "/admin/audit?format=csv")
        self._browse(ids)

    def _browse(self, ids: Mapping[str, list[str]]) -> None:
        one = [f"accounts/socialaccount/{pk}/change/" for pk in ids["accounts"]]
        one += [f"posts/post/{pk}/change/" for pk in self.posts]
        one += [f"workspaces/user/{pk}/change/" for pk in ids["users"]]
        for page in ("", *CONSOLE, *one):
            heard = self.product.ask("GET", f"/console/{page}", session=self.browser)
            assert heard.status == 200, heard.place


ASKING = "from ouipost.redis import server, Script; server().run(Script('x'))"
RINGING = "from adminapi.tasks import tick; tick.apply_async(retry=False)"
SEALING = "from ouipost.crypto import encrypt; encrypt('x', place='')"


SHELL = ("shell", "-v", "0", "-c")
TROUBLES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("status", {"status": 500, "body": "<h1>It broke</h1>"}),
    ("reset", {"after_accept": True}),
    ("cut_json", {}),
    ("timeout_before_accept", {"hold": 1}),
)
OPTIONS = {"tiktok": {"privacy_level": "PUBLIC_TO_EVERYONE"}, "youtube": {"made_for_kids": False}}


def app_password() -> str:
    """Return what Bluesky calls an app password."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


PLACE = re.compile(r"\{\w+\}")
CONSOLE = (
    *("workspaces/user/", "workspaces/apikey/", "accounts/socialaccount/", "posts/post/", "posts/target/"),
    *("events/event/", "workspaces/workspace/"),
)


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
