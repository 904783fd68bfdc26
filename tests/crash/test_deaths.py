"""The web process dies in the middle of a request: who asks again gets one post, and no file is without its row."""

from collections.abc import Callable

import pytest

from tests.crash import deaths
from tests.crash.steps import POINTS, UPLOAD_POINTS
from tests.product import Product

pytestmark = [pytest.mark.crash, pytest.mark.any_database]

Record = Callable[[str, object], None]


def test_a_request_whose_process_died_makes_one_post_when_it_is_sent_again(
    product: Product, record_property: Record
) -> None:
    seen = deaths.ask_again(product, kills=len(POINTS) + 1)

    record_property("numbers", f"web process killed, asked again: {seen}")
    assert seen.is_good, seen


def test_an_upload_whose_process_died_leaves_no_row_without_file_and_no_file_without_row(
    product: Product, record_property: Record
) -> None:
    seen = deaths.upload_and_die(product, kills=len(UPLOAD_POINTS) + 2)

    record_property("numbers", f"web process killed in an upload: {seen}")
    assert seen.is_good, seen
    assert seen.rows
    assert seen.swept
