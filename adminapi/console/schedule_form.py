"""The console's form of a schedule: its fields, and a row for each slot; checked as the API checks it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import platforms
from accounts.models import SocialAccount
from adminapi.console.shown import as_stored, told_values
from ouipost import zones
from ouipost.ids import new_id, told_id
from ouipost.translating import about, translated
from posts.models import Schedule
from posts.schedules.inputs import MAX_SLOTS, WeeklyScheduleInput
from posts.schedules.serializers import SlotSerializer, in_order
from workspaces.models import Workspace

TEXTS = ("name", "description", "timezone")
SHOWN = dict.fromkeys((*TEXTS, "slots"), str)
"""The types of the values by which a page describes the schedule that it was made from."""
ROW = re.compile(r"slot-(\d{1,4})-day")
FIELDS = {
    "workspace": gettext_lazy("Workspace"),
    "name": gettext_lazy("Name"),
    "description": gettext_lazy("Description"),
    "timezone": gettext_lazy("Time zone"),
}
ELEMENTS = {"slots": "add-slot", "general": ""}
"""The ids of the page's elements that mend what is wrong with no field."""
ROW_FIELDS = {"day": gettext_lazy("Day"), "time": gettext_lazy("Time"), "platforms": gettext_lazy("Networks")}
MOST_OFFERED = 200
ZONES = sorted(zones.NAMES)
DAY_NAMES = {
    "monday": gettext_lazy("Monday"),
    "tuesday": gettext_lazy("Tuesday"),
    "wednesday": gettext_lazy("Wednesday"),
    "thursday": gettext_lazy("Thursday"),
    "friday": gettext_lazy("Friday"),
    "saturday": gettext_lazy("Saturday"),
    "sunday": gettext_lazy("Sunday"),
}


@dataclass(kw_only=True)
class Row:
    """A slot as typed, with the errors of its fields."""

    day: str = "monday"
    time: str = "09:00"
    platforms: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its day and time, as typed."""
        return f"{DAY_NAMES.get(self.day, '')} {self.time}".strip()

    @property
    def names_accounts(self) -> bool:
        """Return whether it is for single accounts, too."""
        return any(name not in platforms.NAMES for name in self.platforms)


@dataclass(kw_only=True)
class Written:
    """A schedule as typed, with its errors."""

    fields: Mapping[str, Any]
    rows: list[Row]
    workspace: Workspace | None
    errors: dict[str, str] = field(default_factory=dict)
    shown: str = ""
    """The schedule when the page was made, as the page's hidden input has it."""
    made_as: str = field(default_factory=lambda: new_id("sched"))
    """The id of the schedule that a new page makes."""

    @property
    def refused(self) -> dict[str, str]:
        """Return all errors, each with the name of its field, and the id of the element of the page that mends it."""
        found = {
            about(FIELDS[name], text) if name in FIELDS else text: ELEMENTS.get(name, f"schedule-{name}")
            for name, text in self.errors.items()
        }
        for number, row in enumerate(self.rows):
            for name, text in row.errors.items():
                found[about(row.label, about(ROW_FIELDS[name], text))] = f"slot-{number}-{name}"
        return found

    def values(self) -> dict[str, Any] | None:
        """Return the values for the services, or None after noting each error at its field."""
        if self.workspace is None:
            self.errors["workspace"] = _("Choose a workspace.")
        slots = [{"day": row.day, "time": row.time, "platforms": row.platforms} for row in self.rows]
        view = SimpleNamespace(workspace=self.workspace)
        fields = {name: value for name, value in self.fields.items() if value or name != "timezone"}
        given = WeeklyScheduleInput(data={**fields, "slots": slots}, context={"view": view})
        if not given.is_valid():
            self._note(given.errors)
        return None if self.refused else dict(given.validated_data)

    def _note(self, errors: Mapping[str, Any]) -> None:
        slots = errors.get("slots", {})
        self.errors |= {name: _flat(told) for name, told in errors.items() if name != "slots"}
        for place, told in _by_place(slots):
            if place is not None and place < len(self.rows):
                self.rows[place].errors = {name: _flat(texts) for name, texts in told.items()}
            else:
                self.errors["slots"] = _flat(told)

    def take_over(self, schedule: Schedule) -> None:
        """Take over present values of fields that were not changed on the page: somebody else may have changed them."""
        known, now = told_values(self.shown, SHOWN), present(schedule)
        if known is None:
            return
        kept = [name for name, typed in self.fields.items() if as_stored(typed) == as_stored(known[name])]
        self.fields = {**self.fields, **{name: now.fields[name] for name in kept}}
        self.rows = now.rows if _in_one(self.rows) == known["slots"] else self.rows
        self.shown = now.shown

    @property
    def timing(self) -> str:
        """Its zone and slots: if these change, the waiting posts may move."""
        return json.dumps([self.fields["timezone"], _in_one(self.rows)])


def _by_place(slots: Any) -> Iterable[tuple[int | None, Any]]:
    if isinstance(slots, Mapping):
        return [(int(place) if str(place).isdigit() else None, told) for place, told in slots.items() if told]
    if isinstance(slots, list) and any(isinstance(each, Mapping) for each in slots):
        return [(place, told) for place, told in enumerate(slots) if told]
    return [(None, slots)] if slots else []


def _flat(told: Any) -> str:
    """Return all sentences of an error, however deep they are."""
    if isinstance(told, Mapping):
        return " ".join(map(_flat, told.values()))
    return " ".join(map(_flat, told)) if isinstance(told, list) else translated(str(told))


def empty(workspace: Workspace | None) -> Written:
    """Return an empty form; without a zone a schedule has its workspace's."""
    return Written(fields=dict.fromkeys(TEXTS, ""), rows=[Row()], workspace=workspace)


def present(schedule: Schedule) -> Written:
    """Return the form of a stored schedule."""
    slots = SlotSerializer(in_order(schedule), many=True).data
    rows = [Row(day=slot["day"], time=slot["time"], platforms=slot["platforms"]) for slot in slots]
    fields = {name: getattr(schedule, name) for name in TEXTS}
    shown = json.dumps(fields | {"slots": _in_one(rows)})
    return Written(fields=fields, rows=rows, workspace=schedule.workspace, shown=shown)


def _in_one(rows: Iterable[Row]) -> str:
    """Return slots as one text that does not depend on their order."""
    return json.dumps(sorted((row.day, row.time, sorted(row.platforms)) for row in rows))


def written(form: QueryDict, workspace: Workspace | None) -> Written:
    """Return a schedule as typed, without rows that have no day."""
    numbers = sorted({int(found[1]) for name in form if (found := ROW.fullmatch(name))})[: MAX_SLOTS + 1]
    rows = [
        Row(
            day=form.get(f"slot-{number}-day", ""),
            time=form.get(f"slot-{number}-time", "")[:5],
            platforms=form.getlist(f"slot-{number}-platforms"),
        )
        for number in numbers
    ]
    fields = {name: form.get(name, "") for name in TEXTS}
    pk = told_id("sched", form.get("made_as", ""))
    return Written(fields=fields, rows=rows, workspace=workspace, shown=form.get("shown", ""), made_as=pk)


def choices(workspace: Workspace | None, rows: Iterable[Row]) -> dict[str, Any]:
    """Return the choices for a schedule: days, zones, networks, and the first of the workspace's accounts, with those
    that these rows name."""
    return {
        "days": list(DAY_NAMES.items()),
        "zones": ZONES,
        "networks": list(platforms.NAMES.items()),
        "accounts": _offered(workspace, {name for row in rows for name in row.platforms}) if workspace else [],
        "most": MAX_SLOTS,
    }


def _offered(workspace: Workspace, named: set[str]) -> list[SocialAccount]:
    connected = SocialAccount.objects.connected().filter(workspace=workspace).order_by("platform", "name", "pk")
    first = list(connected[:MOST_OFFERED])
    return [*first, *connected.filter(pk__in=named - {each.pk for each in first})]
