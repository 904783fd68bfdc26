"""Each acceptance test has its proof, and the page says so."""

import re

import pytest

from tests.crash.proofs import LAST_RUN, NUMBERS, OTHERS, PAGE, Proof, page, proofs
from tests.crash.runs import all_runs
from tests.product import ROOT

pytestmark = pytest.mark.any_database


def test_each_acceptance_test_has_one_sentence_and_its_proof() -> None:
    numbers = [proof.number for proof in proofs() if proof.number not in OTHERS]

    assert numbers == NUMBERS


@pytest.mark.parametrize("proof", proofs(), ids=lambda proof: proof.number)
def test_what_is_named_as_a_proof_is_there(proof: Proof) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    places = [ROOT / "tests", ROOT / "tests" / "crash"]
    known = {f"make {target}" for target in targets} | {
        name for name in proof.names for place in places if (place / f"{name}.py").exists()
    }

    assert re.findall(r"`(.+?)`", proof.short)
    assert {name for name in proof.names if "test_" in name or name.startswith("make ")} <= known


def test_each_run_at_full_size_is_of_a_sentence() -> None:
    told = {proof.number for proof in proofs()}

    assert {number for run in all_runs() for number in run.tests.split(", ")} <= told


def test_the_page_shows_what_is_proved_and_the_last_full_run() -> None:
    text = PAGE.read_text()

    assert page(text, LAST_RUN.read_text().splitlines()) == text, "Run `python -m tests.crash --table`."
