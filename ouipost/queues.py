"""The names of Celery's queues, apart from the Celery app, so that a web process need not load it for them."""

PUBLISH, WEBHOOKS, DEFAULT = "publish", "webhooks", "default"
ALL = (PUBLISH, WEBHOOKS, DEFAULT)
UNHEARD = 100
"""With this many messages waiting in a queue, no worker is reading it, and no more are sent: Redis would fill up."""
