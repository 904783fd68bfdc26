"""Check Redis, and the workers that take due work."""

import re

from django.conf import settings
from django.utils import timezone

from accounts.models import SocialAccount
from accounts.platforms.errors import WhoActs
from adminapi.doctor.findings import OK, WRONG, Finding, unknown, warning, well, wrong
from adminapi.management.base import counted
from adminapi.monitoring.probes import patient_redis
from ouipost.claims import database_now, engine_time, is_due
from ouipost.events import verifying
from ouipost.events.models import Delivery
from ouipost.redis import RedisAway, Script

INFO = Script("return redis.call('INFO')")
FACT = re.compile(rb"^(\w+):(.*?)\r?$", re.MULTILINE)
OLDEST_REDIS = 6
UNTAKEN_AFTER = engine_time(300)
"""Work that is due for this long counts as not taken at all: minutes of other work may be ahead of it."""


def redis_server() -> Finding:
    """Name the Redis servers, and check that they keep their data."""
    urls = dict.fromkeys(url for url in (settings.REDIS_URL, settings.CELERY_BROKER_URL) if url)
    if not urls:
        return well("None is used.")
    found = [_server(url) for url in urls]
    return next((each for status in (WRONG, OK) for each in found if each.status == status), found[0])


def _server(url: str) -> Finding:
    """Return the finding of a server; unknown if it does not answer, of which `redis` and `broker` tell."""
    try:
        info = patient_redis(url).run(INFO, insist=True)
    except RedisAway as error:
        return unknown(f"Nobody can tell: {error}")
    facts = {name.decode(): value.decode() for name, value in FACT.findall(info)}
    version, mode = facts.get("redis_version", "0"), facts.get("redis_mode", "")
    policy = facts.get("maxmemory_policy", "")
    if mode == "cluster":
        return wrong("Redis is a cluster: its scripts need all their keys in one place.", "Use a single server.")
    if policy != "noeviction":
        return wrong(
            f"Redis throws keys away when it is full (maxmemory-policy {policy}): keys' limits and doorbells get lost.",
            "Set maxmemory-policy to noeviction.",
        )
    if int(version.partition(".")[0]) < OLDEST_REDIS:
        return wrong(f"Redis is {version}.", f"Use Redis {OLDEST_REDIS} or newer.")
    return well(f"It is {version}, and keeps what it is given.")


def backlog() -> Finding:
    """Check that webhooks are sent, and tokens renewed, on time."""
    now = database_now()
    before = now - UNTAKEN_AFTER
    deliveries = Delivery.objects.filter(is_due(now), due_at__lt=before).count()
    tokens = SocialAccount.objects.needing_refresh().filter(is_due(now), due_at__lt=before).count()
    late = [counted(deliveries, "delivery of webhooks", "deliveries of webhooks")] if deliveries else []
    late += [counted(tokens, "token to be renewed", "tokens to be renewed")] if tokens else []
    if late:
        waits, minutes = "waits" if deliveries + tokens == 1 else "wait", round(UNTAKEN_AFTER.total_seconds() / 60)
        return warning(
            f"{' and '.join(late)} {waits} for more than {minutes} minutes.",
            "See that workers run, with DELIVERY_THREADS above 0, or Celery with -Q publish,webhooks,default.",
        )
    return well("Nothing waits for long.")


def accounts() -> Finding:
    """Find accounts that cannot be used, nor their tokens be renewed, until the operator acts."""
    waiting = SocialAccount.objects.live().filter(last_error__who_acts=WhoActs.OPERATOR)
    count = waiting.count()
    if not count:
        return well("None waits for you.")
    first, message = waiting.order_by("pk").values_list("pk", "last_error__message")[0]
    return warning(
        f"{count:,} cannot be used until you act. {first}: {message}",
        "See that each app's id and secret are those of the network's own page, and that the network can be reached.",
    )


def journal() -> Finding:
    """Check that the audit log is sealed within seconds, as it should be."""
    left = verifying.waiting(timezone.now())
    if left.overdue:
        return warning(
            f"Older than a minute and not sealed: {counted(left.overdue, 'row')} of the audit log.",
            "See that a worker runs; `manage.py verify_audit` proves the rest.",
        )
    return well("It is sealed.")
