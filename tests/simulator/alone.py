"""Settings of a process that serves the simulator and nothing of the product."""

import os
from pathlib import Path

HOME = Path(os.environ.get("OUIPOST_HOME", "/nonexistent"))
SECRET_KEY = "s" * 50
SIMULATOR_TOKEN = "control"
PUBLIC_BASE_URL = os.environ.get("PUBLIC_BASE_URL", "")
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["ouipost.simulator"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.simulator.alone_urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_ROUTERS = ["ouipost.db.routers.SimulatorRouter"]
SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "CONN_MAX_AGE": None,
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL;"},
}
DATABASES = {
    "default": SQLITE | {"NAME": HOME / "none.sqlite3"},
    "simulator": SQLITE | {"NAME": HOME / "simulator.sqlite3", "TEST": {"DEPENDENCIES": []}},
}
