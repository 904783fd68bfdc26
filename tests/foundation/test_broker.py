"""A Celery worker outlives its broker."""

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Exchange, Queue

from ouipost.celery import app
from ouipost.queues import DEFAULT
from tests.crash.broker import Broker


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
