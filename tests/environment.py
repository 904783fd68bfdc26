"""Loaded by pytest before the settings are: folders of the tests' own, and the database that this run is for."""

import atexit
import os
import shutil
import tempfile

for folder in ("OUIPOST_HOME", "OUIPOST_DATABASE_TEMPLATES"):  # the same for all processes of a run, which inherit them
    if folder not in os.environ:
        os.environ[folder] = tempfile.mkdtemp(prefix="ouipost-tests-")
        atexit.register(shutil.rmtree, os.environ[folder], ignore_errors=True)
os.environ["DATABASE_URL"] = (
    os.environ.get("DATABASE_URL_TEST") or f"sqlite:///{os.environ['OUIPOST_HOME']}/test.sqlite3"
)
os.environ["REDIS_URL"] = os.environ["CELERY_BROKER_URL"] = ""  # tests that are about them name `REDIS_URL_TEST`
os.environ["ENVIRONMENT"] = "embedded"
os.environ["PUBLIC_BASE_URL"] = "http://testserver"
os.environ["NETWORK_GATEWAY"] = ""
os.environ["OUTBOUND_ALLOW"] = ""
os.environ["MEDIA_STORAGE"] = "local"  # tests that are about a store name theirs
