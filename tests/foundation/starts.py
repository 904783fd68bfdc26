"""Starting with settings of one's own, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SHOW = """
import json, os, sys
sys.modules |= dict.fromkeys(os.environ.get("MISSING", "").split(","))
from ouipost import settings
names = [name for name in dir(settings) if name.isupper()]
loaded = [name for name in ("sentry_sdk", "opentelemetry") if name in sys.modules]
print(json.dumps({"loaded": loaded} | {name: getattr(settings, name) for name in names}, default=str))
"""


def start(home: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "OUIPOST_HOME": str(home)} | variables
    command = [sys.executable, "-c", SHOW]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def refusal(home: Path, **variables: str) -> str:
    done = start(home, **variables)
    assert done.returncode != 0
    return done.stderr.splitlines()[-1]
