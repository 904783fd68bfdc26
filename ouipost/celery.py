"""The Celery app: `celery -A ouipost worker -Q publish,webhooks,default` and `celery -A ouipost beat`.

Its messages are doorbells and carry no data: due work is found in the database, so any message may be lost, late or
duplicated.
"""

import logging
import os
import sys
from functools import wraps
from ssl import CERT_REQUIRED
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging, task_postrun, task_prerun
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Producer, Queue
from kombu.exceptions import ChannelError
from kombu.transport import virtual
from structlog.contextvars import bind_contextvars, clear_contextvars

from ouipost import queues
from ouipost.observability import log_format

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # the checks load every view; `prepare` has run them

logger = logging.getLogger(__name__)
TALKATIVE = ("celery.app.trace", "celery.worker.strategy", "celery.worker.request", "celery.beat")

# A message in work when the broker went away need not be restored. A worker would try to, and without a broker
# kombu 5.7 fails with an error that makes Celery shut the worker down.
virtual.Channel.do_restore = False


def _freeing(settle: Any) -> Any:
    """Free a message's place for the next one even if settling it fails; on a closed channel, skip settling.

    kombu 5.7 keeps the place until the broker has answered: without an answer, a node with one place takes no more
    messages. On a channel that was closed because the broker went away, kombu raises AttributeError.
    """

    @wraps(settle)
    def settled(channel: Any, tag: str, *given: Any, **options: Any) -> None:
        if channel.closed:
            return
        try:
            settle(channel, tag, *given, **options)
        except Exception:
            virtual.QoS.ack(channel.qos, tag)
            raise

    return settled


virtual.Channel.basic_ack = _freeing(virtual.Channel.basic_ack)  # type: ignore[method-assign]  # kombu has no hook
virtual.Channel.basic_reject = _freeing(virtual.Channel.basic_reject)  # type: ignore[method-assign]  # kombu has no hook


def address(url: str) -> str:
    """Return the broker's address as kombu writes it, which differs for a Redis socket."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    (number,) = parse_qs(parts.query).get("db", ["0"])
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={number}"


def tls(url: str) -> dict[str, Any] | None:
    """Return the options of a broker under TLS: kombu verifies no certificate by default. The URL may ask for less."""
    return {"ssl_cert_reqs": CERT_REQUIRED} if url.startswith("rediss://") else None


try:
    broker = settings.CELERY_BROKER_URL
except (ImproperlyConfigured, ValueError) as error:  # Celery would print the traceback
    sys.exit(log_format.refusal(f"Oui Post cannot run with these settings: {error}"))
app = Celery("ouipost", include=["adminapi.tasks"])
app.conf.update(
    broker_url=address(broker),
    broker_use_ssl=tls(broker),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,  # a Redis that is full, or became a replica, refuses for a while
    broker_transport_options={
        "visibility_timeout": 600,  # above the time limit of any task but publishing, which may run twice
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 5,
        "socket_timeout": 5,  # by default it waits forever for a broker that does not answer
        "socket_keepalive": True,
    },
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in queues.ALL],
    task_default_queue=queues.DEFAULT,
    task_create_missing_queues=False,
    task_routes={
        "posts.tasks.*": {"queue": queues.PUBLISH},
        "adminapi.tasks.tick": {"queue": queues.PUBLISH},
        "adminapi.tasks.deliver_due": {"queue": queues.WEBHOOKS},
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=540,
    task_soft_time_limit=500,
    task_ignore_result=True,
    task_publish_retry=False,  # kombu 5.7 closes the channel for good between two tries, and beat has only one
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_soft_shutdown_timeout=45,
    worker_cancel_long_running_tasks_on_connection_loss=False,  # publishing needs no broker
    worker_redirect_stdouts=False,
    beat_scheduler="ouipost.beat:Beat",
)


def waiting(producer: Producer, queue: str) -> int:
    """Return how many messages wait in this queue; the broker's errors pass through."""
    channel: Any = producer.channel
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:  # an empty queue does not exist
        return 0


@setup_logging.connect
def _keep_logging(**_: Any) -> None:
    """Keep Django's logging, and silence the lines that Celery logs for every message."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    if settings.LOG_FORMAT == log_format.JSON:
        from celery.apps import worker

        worker.safe_say = _say  # type: ignore[attr-defined]  # it bypasses the log, and no stub has it


def _say(message: str, *_: Any) -> None:
    """Write a log line from a signal handler: directly to stderr, since the handler may have interrupted a write."""
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 0, "%s", (message.strip(),), None)
    os.write(2, f"{logging.getLogger().handlers[0].format(record)}\n".encode())


@task_prerun.connect
def _bind(task: Any, task_id: str, **_: Any) -> None:
    bind_contextvars(task=task.name, task_id=task_id)


@task_postrun.connect
def _unbind(**_: Any) -> None:
    clear_contextvars()


@celeryd_init.connect
def _be_quiet(instance: Any, **_: Any) -> None:
    """Print no banner if every line is JSON; beat has `--quiet` for that."""
    instance.quiet = instance.quiet or settings.LOG_FORMAT == log_format.JSON


@celeryd_init.connect
@beat_init.connect
def _require_broker(**_: Any) -> None:
    if not settings.CELERY_BROKER_URL:
        message = "CELERY_BROKER_URL and REDIS_URL are empty. Without a broker, run `manage.py work` instead."
        sys.exit(log_format.refusal(message))
