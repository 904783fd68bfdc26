"""The secrets that embedded mode generates once and keeps in `$OUIPOST_HOME/secrets.env` (mode 0600)."""

import base64
import os
import re
import secrets
import tempfile
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from ouipost import folders

ENCODING = "utf-8-sig"
"""UTF-8, with or without the byte order mark that some editors write."""
NAMES = ("SECRET_KEY", "TOKEN_KEYS", "SIMULATOR_TOKEN")
LINE = re.compile(r"\s*(#.*)?|(export )?\w+=.*")


def load(home: Path) -> None:
    """Read the stored secrets into environment variables that are blank or not set; the first call generates them."""
    folders.make(home)
    for name in NAMES:
        if not environ.Env.ENVIRON.get(name, "").strip():
            environ.Env.ENVIRON.pop(name, None)
    path = path_in(home)
    if not path.exists():
        _create(path)
    read(path)


def path_in(home: Path) -> Path:
    return home / "secrets.env"


def read(path: Path) -> None:
    """Read a file's variables into the environment, except those that are set; raises OSError if it is unreadable."""
    path.open().close()  # the library ignores a file that it cannot open
    try:
        environ.Env.read_env(path, encoding=ENCODING)
    except UnicodeDecodeError:
        raise OSError(f"'{path}' is no text in UTF-8") from None


def require_assignments(path: Path) -> None:
    """Raise ImproperlyConfigured for a line that `read` would skip; the error does not quote it: it may be secret."""
    for number, line in enumerate(path.read_text(encoding=ENCODING).splitlines(), start=1):
        if not LINE.fullmatch(line):
            message = f"Line {number} of '{path}' is not NAME=value, without blanks around the =."
            raise ImproperlyConfigured(message)


def _create(path: Path) -> None:
    """Write new secrets atomically; if two processes start at the same time, the first one's file stays."""
    lines = [
        f"SECRET_KEY={secrets.token_urlsafe(48)}",
        f"TOKEN_KEYS=k1:{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        f"SIMULATOR_TOKEN={secrets.token_urlsafe(24)}",
    ]
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
