"""The usual way to publish what is due: one Celery task per target, with three statements around the call.

`python -m bench.baselines.tasks` runs its worker: a hundred threads, as the measured best of the usual settings.
"""

import os

import django

django.setup()

import requests  # noqa: E402 (Django must be set up before this module's own imports are used)
from celery import Celery  # noqa: E402
from django.db import connection  # noqa: E402

from ouipost.ids import new_id  # noqa: E402

THREADS = 100
app = Celery("baseline", broker=os.environ["BASELINE_BROKER"])
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 4
session = requests.Session()
session.trust_env = False
session.mount("http://", requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=THREADS))
CLAIM = "UPDATE posts_target SET status = 'publishing' WHERE id = %s AND status = 'scheduled'"
SETTLE = "UPDATE posts_target SET status = 'published', remote_id = %s, published_at = UTC_TIMESTAMP(6) WHERE id = %s"
LOG = (
    "INSERT INTO posts_attempt (id, target_id, number, fence, step, started_at, ended_at, outcome, code, network_code,"
    " message, remote_id, url) VALUES (%s, %s, 1, 1, 'commit', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 'published', '', '',"
    " '', %s, '')"
)


@app.task(name="bench.publish")
def publish(target_id: str, text: str) -> None:
    """Claim, call the network, write what it said: each statement a commit of its own, as by default."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [target_id])
    answer = session.post(
        f"{os.environ['NETWORK_GATEWAY']}/api.x.com/2/tweets",
        json={"text": text},
        headers={"Authorization": "Bearer token"},
        timeout=30,
    )
    remote_id = answer.json()["data"]["id"]
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [remote_id, target_id])
        cursor.execute(LOG, [new_id("att"), target_id, remote_id])


@app.task(name="bench.nothing")
def nothing() -> None:
    """Do nothing: what a message costs by itself."""


if __name__ == "__main__":
    app.worker_main(
        ["worker", "-P", "threads", "-c", str(THREADS), "--without-gossip", "--without-mingle", "-l", "error"]
    )
