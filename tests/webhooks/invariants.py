"""What the admin API shows of webhooks, held against what is believed of them."""

from datetime import datetime, timedelta
from typing import Any

from tests.webhooks.model import Hook, Sending
from tests.webhooks.system import Site

SLACK = timedelta(seconds=1.5)
"""The API tells whole seconds."""


def webhook_agrees(site: Site, hook: Hook) -> None:
    """Believe that a webhook is shown as it is, with the right figures."""
    shown = site.admin("GET", f"/admin/webhooks/{hook.id}")[1]["webhook"]
    assert (shown["is_active"], shown["disabled_reason"]) == (hook.is_active, hook.reason), (shown, hook)
    assert (shown["url"], shown["events"], shown["workspaces"]) == (hook.url, hook.events, hook.workspaces)
    _same(shown["failing_since"], hook.failing_since)
    _same(shown["last_triggered_at"], hook.last_call)
    ends = [until for _, until in hook.secrets[1:] if until > site.clock.now]
    _same(shown["old_secret_signs_until"], ends[0] if ends else None)
    delivered, failed = hook.count("delivered"), hook.count("failed")
    told = {"total_deliveries": delivered + failed, "successful_deliveries": delivered, "failed_deliveries": failed}
    assert shown["stats"] == told, hook


def _same(shown: str | None, believed: datetime | None) -> None:
    assert (shown is None) == (believed is None), (shown, believed)
    assert not shown or not believed or abs(datetime.fromisoformat(shown) - believed) <= SLACK, (shown, believed)


def deliveries(site: Site, hook: Hook) -> list[dict[str, Any]]:
    status, data = site.admin("GET", f"/admin/webhooks/{hook.id}/deliveries?limit=100")
    assert status == 200, data
    shown: list[dict[str, Any]] = data["deliveries"]
    return shown


def deliveries_agree(site: Site, hook: Hook) -> None:
    """Believe that a webhook has its deliveries and no other, each with what came of it."""
    shown = deliveries(site, hook)
    assert {each["event_id"] for each in shown} == hook.sendings.keys(), hook
    for told in shown:
        _delivery_agrees(told, hook.sendings[told["event_id"]], now=site.clock.now)


def _delivery_agrees(told: dict[str, Any], sending: Sending, *, now: datetime) -> None:
    assert (told["status"], told["event"]) == (sending.status, sending.event.type), (told, sending)
    log = [(line["http_status"], line["error"] or "") for line in told["log"]]
    assert log == sending.log, (told, sending)
    assert (told["attempts"], [line["number"] for line in told["log"]]) == (len(log), [*range(1, len(log) + 1)])
    assert all(len(line["answer"]) <= 2048 for line in told["log"])
    assert (told["finished_at"] is None) == (sending.status == "pending")
    if sending.status == "pending" and not sending.is_held(now):
        _is_due(told["next_attempt_at"], sending, now=now)


def _is_due(shown: str | None, sending: Sending, *, now: datetime) -> None:
    if shown is None:
        assert sending.is_aside, sending
        return
    at = datetime.fromisoformat(shown)
    assert sending.first - SLACK <= at <= max(sending.last, now) + SLACK, (at, sending)
