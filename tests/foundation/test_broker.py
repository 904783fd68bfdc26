"""A Celery worker outlives its broker, and reaches it by every address that Redis may have."""

import logging
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from ouipost.celery import address, app, tls
from ouipost.queues import DEFAULT
from tests.crash.broker import Broker
from tests.outbound.servers import make_identity
from tests.services import free_port, start_redis


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    broker.start()
    yield broker
    broker.kill()


def test_a_worker_lets_go_of_a_broker_that_died_while_a_message_was_worked_on(broker: Broker) -> None:
    """What a worker does when its broker goes: where closing raises AttributeError, Celery ends the worker."""
    taken: list[Any] = []
    connection = app.connection(broker.url)
    channel = connection.default_channel
    Queue("replies", Exchange("replies", type="fanout"), auto_delete=True)(channel).declare()  # as Celery's own are
    app.amqp.Producer(channel).publish({}, routing_key=DEFAULT, exchange=DEFAULT, declare=app.conf.task_queues)
    app.amqp.TaskConsumer(channel, callbacks=[lambda _, message: taken.append(message)]).consume()
    connection.drain_events(timeout=5)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.1)  # asks for the next one, and is asking when the broker dies
    assert len(taken) == 1

    broker.kill()
    connection.collect(socket_timeout=1)

    connection.close()


def test_a_worker_settles_messages_of_a_broker_that_it_has_left_without_an_error(broker: Broker) -> None:
    """A task ends when its channel is closed already: where that raises AttributeError, Celery ends the worker."""
    taken: list[Any] = []
    connection = app.connection(broker.url)
    channel: Any = connection.default_channel
    for _ in range(2):
        app.amqp.Producer(channel).publish({}, routing_key=DEFAULT, exchange=DEFAULT, declare=app.conf.task_queues)
    app.amqp.TaskConsumer(channel, callbacks=[lambda _, message: taken.append(message)]).consume()
    while len(taken) < 2:
        connection.drain_events(timeout=5)
    broker.kill()
    connection.collect(socket_timeout=1)

    taken[0].ack()
    taken[1].reject(requeue=True)

    assert channel.closed


def test_a_message_that_a_silent_broker_does_not_let_go_of_keeps_no_other_from_being_taken(broker: Broker) -> None:
    """A node that has one place would take nothing any more, while it looks alive."""
    taken: list[Any] = []
    connection = app.connection(broker.url, transport_options=app.conf.broker_transport_options | {"socket_timeout": 1})
    channel: Any = connection.default_channel
    for _ in range(2):
        app.amqp.Producer(channel).publish({}, routing_key=DEFAULT, exchange=DEFAULT, declare=app.conf.task_queues)
    consumer = app.amqp.TaskConsumer(channel, callbacks=[lambda _, message: taken.append(message)])
    consumer.qos(prefetch_count=1)
    consumer.consume()
    connection.drain_events(timeout=5)

    broker.signal(signal.SIGSTOP)
    taken[0].ack_log_error(logging.getLogger(__name__), connection.connection_errors)  # as Celery does
    broker.signal(signal.SIGCONT)
    for _ in range(5):
        with suppress(*connection.connection_errors):
            connection.drain_events(timeout=1)

    assert [message.acknowledged for message in taken] == [False, False]


def is_reached(url: str) -> bool:
    with closing(app.connection(address(url), ssl=tls(url))) as connection:
        try:
            connection.ensure_connection(max_retries=1)
        except OperationalError:
            return False
        return True


@pytest.fixture
def other_ways(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A Redis under TLS, by its port, and the authority that has signed for it; its socket lies beside that."""
    authority, port, plain = make_identity(tmp_path, "localhost").path, free_port(), free_port()
    files = ("--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file")
    options = [word for name in files for word in (name, str(authority))]
    socket = ("--unixsocket", str(tmp_path / "redis.sock"))
    server = start_redis(plain, "--tls-port", str(port), "--tls-auth-clients", "no", *options, *socket)
    yield port, authority
    server.kill()
    server.wait()


def test_a_broker_under_tls_must_prove_who_it_is_unless_its_address_asks_for_less(
    other_ways: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, authority = other_ways
    url = f"rediss://localhost:{port}/1"

    assert not is_reached(url)
    assert is_reached(f"{url}?ssl_cert_reqs=none")
    assert is_reached(f"{url}?ssl_ca_certs={authority}")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert is_reached(url)


def test_a_broker_is_reached_by_its_socket(other_ways: tuple[int, Path]) -> None:
    assert is_reached(f"unix://{other_ways[1].parent}/redis.sock?db=1")
    assert not is_reached(f"unix://{other_ways[1].parent}/nothing.sock")
