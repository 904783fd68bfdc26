"""The secrets that embedded mode makes for itself, once, in `$OUIPOST_HOME/secrets.env` (mode 0600)."""

import base64
import os
import secrets
import tempfile
from pathlib import Path

import environ


def load(home: Path) -> None:
    """Put the stored secrets into the environment where they are not set, making the file at first use.

    Their folder is made for its owner alone: the database in it has everything else.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "secrets.env"
    if not path.exists():
        _create(path)
    environ.Env.read_env(path)


def _create(path: Path) -> None:
    """Write new secrets whole or not at all; of two processes that start at once, the first one's stay."""
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
