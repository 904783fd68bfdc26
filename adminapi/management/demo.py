"""The demo: a sandbox workspace with accounts and posts, made once, over HTTP as any client would."""

import io
import json
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.db import connection
from django.utils import timezone
from PIL import Image, ImageDraw

from adminapi.management.bootstrap import bootstrap
from adminapi.management.client import Client, ClientError, session
from adminapi.sessions.passwords import hash_password
from ouipost import folders
from ouipost.db.advisory_lock import advisory_lock
from ouipost.events.journal import Actor
from workspaces import users
from workspaces.keys.services import create_key
from workspaces.models import KeyMode, Mode, Tier

EMAIL, WORKSPACE = "demo@example.com", "Demo"
ACTOR = Actor.of_command("load_demo")
LOOK_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The data that a newcomer needs to use the demo."""

    api_key: str
    workspace_id: str
    email: str
    password: str


def path() -> Path:
    """Return the path of the file with the demo's key, which is printed at each start."""
    return settings.OUIPOST_HOME / "demo.json"


def is_ready() -> bool:
    """Return whether the product answers."""
    try:
        with session() as product:
            return product.get(f"{settings.PUBLIC_BASE_URL}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def wait_until_ready(seconds: float) -> bool:
    """Return whether the product answers, as soon as it does within this time."""
    ends = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() >= ends:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def show(output: OutputWrapper) -> None:
    """Create the demo if it is missing, and print how to use it."""
    demo = load_or_make(output)
    base = settings.PUBLIC_BASE_URL
    output.write(
        f"\nOui Post runs at {base}\n\n"
        f"  API docs    {base}/api/docs\n"
        f"  Console     {base}/console/   {demo.email} / {demo.password}\n"
        f"  API key     {demo.api_key}\n"
        f"  Workspace   {demo.workspace_id}   (sandbox: nothing leaves this machine)\n"
    )


def show_in_a_line(output: OutputWrapper, *, progress: OutputWrapper) -> None:
    """Do the same in JSON for output that goes into logs; the password is only in its file."""
    demo = load_or_make(progress)
    base = settings.PUBLIC_BASE_URL
    addresses = {"docs": f"{base}/api/docs", "console": f"{base}/console/"}
    mine = {"api_key": demo.api_key, "workspace_id": demo.workspace_id, "email": demo.email}
    output.write(json.dumps({"event": "The demo is ready.", **addresses, **mine, "password_in": str(path())}))


def load_or_make(output: OutputWrapper) -> Demo:
    """Return the demo, made if needed; raises CommandError if the product lost an earlier one, or ClientError."""
    demo = load()
    if demo is None:
        with advisory_lock(connection):  # the second of two at once finds what the first made
            return load() or make(output)
    try:
        client = Client(settings.PUBLIC_BASE_URL, api_key=demo.api_key, workspace_id=demo.workspace_id)
        client.call("GET", "/api/workspaces")
    except ClientError as error:
        if error.status != HTTPStatus.UNAUTHORIZED:
            raise
        raise CommandError(
            f"The product does not take the key in {path()}: it is of another database, or was revoked. Delete that "
            "file, and run this again to make a new demo."
        ) from error
    return demo


def load() -> Demo | None:
    """Return the demo that was made before; raises CommandError if its file is damaged, as by a full disk."""
    try:
        return Demo(**json.loads(path().read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise CommandError(f"{path()} is damaged: delete it, and run this again to make a new demo.") from error


def make(output: OutputWrapper) -> Demo:
    """Create key and workspace, connect an account at each network, write some posts; raises ClientError."""
    password = os.urandom(9).hex()
    made = bootstrap(
        email=EMAIL,
        password=password,
        workspace_name=WORKSPACE,
        mode=Mode.SANDBOX,
        tier=Tier.ENTERPRISE,
        key_mode=KeyMode.TEST,
        actor=ACTOR,
    )
    secret = made.secret or create_key(name="Demo again", tier=Tier.ENTERPRISE, mode=KeyMode.TEST, actor=ACTOR)[1]
    values = {"password": hash_password(password)}  # an earlier, interrupted creation may have set another
    users.update_user(made.admin, values=values, actor=ACTOR, now=timezone.now())
    client = Client(settings.PUBLIC_BASE_URL, api_key=secret, workspace_id=made.workspace.pk)
    output.write("Making the demo: an account at each simulated network, and some posts.")
    platforms = [each for each in client.call("GET", "/api/platforms")["platforms"] if each["configured"]]
    accounts = {each["id"]: client.connect(each["id"]) for each in platforms}
    write_posts(client, platforms, accounts)
    demo = Demo(api_key=secret, workspace_id=made.workspace.pk, email=EMAIL, password=password)
    folders.replace_file(path(), json.dumps(demo.__dict__))
    return demo


def write_posts(client: Client, platforms: list[dict[str, Any]], accounts: dict[str, dict[str, Any]]) -> None:
    """Write a draft, a scheduled post and one that is published at once, with a picture."""
    now = timezone.now()
    everywhere = [each["id"] for each in platforms]
    client.call("POST", "/api/posts", json={"content": "An idea for later.", "platforms": everywhere})
    tomorrow = {
        "content": "Fresh bread from seven o'clock on. #bakery",
        "platforms": [each["id"] for each in platforms if not each["limits"]["media_required"]],
        "scheduled_at": (now + timedelta(days=1)).isoformat(timespec="seconds"),
    }
    client.call("POST", "/api/posts", json=tomorrow)
    with_pictures = [each for each in platforms if each["supports_images"]]
    hello = {
        "content": "Hello from Oui Post!",
        "platforms": [each["id"] for each in with_pictures],
        "link": "https://example.com/",
        "hashtags": ["hello"],
        "platform_content": {each["id"]: {"options": _needed(client, each, accounts)} for each in with_pictures},
    }
    post = client.call("POST", "/api/posts", json=hello)["post"]
    files = {"file": ("hello.png", _picture(), "image/png")}
    client.call("POST", f"/api/posts/{post['id']}/media", files=files, data={"alt_text": "The word hello"})
    client.call("POST", f"/api/posts/{post['id']}/publish")


def _needed(client: Client, platform: dict[str, Any], accounts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the options that a network requires with every post, each with its first allowed value."""
    account = client.call("GET", f"/api/accounts/{accounts[platform['id']]['id']}")["account"]
    needed = [option for option in platform["limits"]["options"] if option["required"]]
    return {option["name"]: _first_value(option, account["metadata"]) for option in needed}


def _first_value(option: dict[str, Any], metadata: dict[str, Any]) -> Any:
    if option["kind"] == "flag":
        return False
    choices = metadata[option["choices_from"]] if option["choices_from"] else option["choices"]
    return choices[0]["id"] if isinstance(choices[0], dict) else choices[0]


def _picture() -> bytes:
    image = Image.new("RGB", (1200, 800), "#1d4ed8")
    ImageDraw.Draw(image).text((480, 360), "Hello!", fill="white", font_size=96)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
