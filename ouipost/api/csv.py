"""CSV responses: lists and reports that also answer `?format=csv`."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches

JSON, CSV = "json", "csv"
CSV_TYPE = "text/csv"
FORMAT = OpenApiParameter("format", str, enum=[JSON, CSV])
CONTENT_TYPE = f"{CSV_TYPE}; charset=utf-8"
PIECE = 32_768
"""Characters per chunk of a streamed response."""
SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
"""Characters that begin a formula; the last four are the full-width forms of the first four."""
FORMULA = re.compile(rf"^(?=[{SIGNS}\t\r\n])|(?<=[;\t\r\n])(?=[{SIGNS}])")
"""The start of a formula: at the start of a text, or where a spreadsheet of another language splits cells:
https://owasp.org/www-community/attacks/CSV_Injection
"""


class CsvNegotiation(DefaultContentNegotiation):
    """Lets a request with `format=csv` accept nothing but text/csv; errors are still answered in JSON."""

    def get_accept_list(self, request: Request) -> list[str]:
        """Return the types that the caller accepts; an empty header counts as a missing one."""
        return [each for each in super().get_accept_list(request) if each] or ["*/*"]

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            if request.query_params.get("format") != CSV or not _accepts_csv(request):
                raise
            usual, *_ = renderers
            return usual, usual.media_type
        return chosen


def _accepts_csv(request: Request) -> bool:
    accepted = request.headers.get("Accept", "").split(",")
    return any(media_type_matches(CSV_TYPE, each.strip()) for each in accepted)


def wants_csv(request: Request) -> bool:
    """Whether the caller asks for CSV."""
    return request.query_params.get("format") == CSV


def csv_answer(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], filename: str) -> HttpResponse:
    """Return the rows as a CSV file with a header line; null values and missing columns are empty."""
    return HttpResponse(_lines(rows, columns), content_type=CONTENT_TYPE, headers=_headers(filename))


def streamed_csv(rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str], filename: str) -> StreamingHttpResponse:
    """Return the CSV file as a streamed response: the rows are read as they are sent and need not fit into memory."""
    return StreamingHttpResponse(_lines(rows, columns), content_type=CONTENT_TYPE, headers=_headers(filename))


def _headers(filename: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{filename}"'}


def _lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: harmless(value) for name, value in row.items()})
        if text.tell() >= PIECE:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def harmless(value: Any) -> Any:
    """Return the cell's value; in a text, an apostrophe precedes each part that a spreadsheet would run."""
    return FORMULA.sub("'", value) if isinstance(value, str) else value
