"""Answers as tables: `?format=csv` beside JSON."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from ouipost.errors import InvalidInput

JSON, CSV = "json", "csv"
CSV_TYPE = "text/csv"


def wants_csv(request: Request) -> bool:
    """Whether the caller asks for CSV; raises InvalidInput where `format` is neither that nor JSON."""
    given = request.query_params.get("format", JSON)
    if given not in (JSON, CSV):
        raise InvalidInput(format=[f"Must be {JSON} or {CSV}."])
    return given == CSV


def csv_answer(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], filename: str) -> HttpResponse:
    """Answer rows as a file, under a line with the names of the columns; what is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    disposition = f'attachment; filename="{filename}"'
    return HttpResponse(
        text.getvalue(), content_type=f"{CSV_TYPE}; charset=utf-8", headers={"Content-Disposition": disposition}
    )
