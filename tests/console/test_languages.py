"""The console speaks French as well as English, wholly, and the API speaks English to everybody."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import polib
import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import help_text_for_field, label_for_field
from django.core.management import call_command
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import override_settings
from django.utils import translation
from django.utils.formats import date_format

from accounts import calls
from accounts.platforms.errors import PlatformError
from accounts.platforms.shapes import Published
from adminapi.console import words
from adminapi.templatetags.charts import region
from adminapi.templatetags.console import outcome
from ouipost.errors import DomainError
from ouipost.phrases import Phrase
from posts.models import LATE
from posts.publishing.outcomes import Absent, Later, Undecidable
from tests.console.conftest import browser_of
from tests.factories import NOW, make_user
from workspaces.models import ApiKey

LOCALE = settings.BASE_DIR / "locale"
CATALOGUE = Path("fr/LC_MESSAGES/django.po")
SPEAKING = ("accounts", "adminapi", "analytics", "ouipost", "posts", "workspaces")
"""The folders whose code says something to people."""
PLACE = re.compile(r"%\((\w+)\)[sd]|(%[sd])|\{(\w*)[^}]*\}")
FRENCH = {"Accept-Language": "fr"}


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(LOCALE / CATALOGUE))


def texts(entry: polib.POEntry | polib.MOEntry) -> list[str]:
    return [*entry.msgstr_plural.values()] if entry.msgid_plural else [entry.msgstr]


def test_every_text_is_translated(catalogue: polib.POFile) -> None:
    assert [entry.msgid for entry in catalogue if entry.fuzzy or not all(texts(entry))] == []


def test_a_network_has_one_name_in_all_sentences(catalogue: polib.POFile) -> None:
    short = re.compile(r"(?<![\w/])X(?![\w-])|\bTwitter\b(?!/X)")

    assert [entry.msgid for entry in catalogue if short.search(entry.msgid) or short.search(entry.msgstr)] == []


def test_a_translation_has_the_places_that_the_text_has(catalogue: polib.POFile) -> None:
    wrong = []
    for entry in catalogue:
        places = {*PLACE.findall(entry.msgid), *PLACE.findall(entry.msgid_plural or "")}
        wrong += [entry.msgid for text in texts(entry) if not {*PLACE.findall(text)} <= places or not text.strip()]
        wrong += [entry.msgid for text in texts(entry)[-1:] if {*PLACE.findall(text)} != places]
    assert wrong == []


def test_no_line_of_french_begins_with_a_sign(catalogue: polib.POFile) -> None:
    parted = re.compile(r"\S (?:[:;?!](?=\s|$)|»)|« ")  # by a space at which a line may break

    assert [text for entry in catalogue for text in texts(entry) if parted.search(text)] == []


def test_what_is_read_is_what_was_translated(catalogue: polib.POFile) -> None:
    compiled = polib.mofile(str((LOCALE / CATALOGUE).with_suffix(".mo")))

    assert {entry.msgid: texts(entry) for entry in compiled} == {entry.msgid: texts(entry) for entry in catalogue}


@pytest.mark.any_database
@pytest.mark.thorough
def test_no_text_is_missing_in_the_catalogue_and_none_is_left_over(
    catalogue: polib.POFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SPEAKING:
        # Not linked: for a moment it writes a module beside each template, and other tests read all modules.
        shutil.copytree(LOCALE.parent / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    copy = tmp_path / "locale" / CATALOGUE
    copy.parent.mkdir(parents=True)
    shutil.copy(LOCALE / CATALOGUE, copy)
    monkeypatch.chdir(tmp_path)  # it writes to the folder `locale` of where it is, whatever the settings say

    with override_settings(LOCALE_PATHS=[tmp_path / "locale"]):
        call_command("makemessages", locale=["fr"], no_location=True, no_obsolete=True)

    found = {entry.msgid for entry in polib.pofile(str(copy))}
    assert found ^ {entry.msgid for entry in catalogue} == set()


def test_the_names_of_models_and_apps_are_to_be_translated() -> None:
    named = set()
    for model in admin.site._registry:
        options = model._meta
        named |= {str(options.verbose_name), str(options.verbose_name_plural), str(options.app_config.verbose_name)}

    assert named - {*words.MODELS, *words.CALLED.values()} == set()


def test_what_names_and_explains_a_column_is_told_in_french(catalogue: polib.POFile) -> None:
    english = named()

    with translation.override("fr"):
        french = named()

    same = {entry.msgid for entry in catalogue if entry.msgstr == entry.msgid}
    kept = {place: text for place, text in english.items() if text and french[place] == text}
    assert len(english) > 200
    assert {place: text for place, text in kept.items() if text not in same} == {}


def named() -> dict[tuple[str, str, str], str]:
    """Return what stands above each column of a list, and beside each field of a page, with what explains it."""
    found = {}
    for model, page in admin.site._registry.items():
        parts = [(model, page), *((inline.model, inline(model, admin.site)) for inline in page.inlines)]
        for each, shown in parts:
            for name in {*getattr(shown, "list_display", ()), *shown.readonly_fields, *(shown.fields or ())}:
                label = str(label_for_field(name, each, shown))
                called = getattr(name, "__name__", name)
                found[each.__name__, called, "label"] = label
                found[each.__name__, called, "help"] = str(help_text_for_field(called, each))
    return found


def test_what_services_answer_is_to_be_translated() -> None:
    messages = {error.message for error in _all(DomainError) if not error.__module__.startswith("tests.")}

    assert {message for message in messages if not isinstance(message, Phrase)} == set()


def _all(error: type[DomainError]) -> set[type[DomainError]]:
    return {error, *(each for child in error.__subclasses__() for each in _all(child))}


@pytest.mark.parametrize(("language", "written"), [("en", "25 Nov 2026, 12:00"), ("fr", "25 nov. 2026, 12:00")])
def test_dates_are_written_as_their_readers_do(language: str, written: str) -> None:
    with translation.override(language):
        assert date_format(NOW, "DATETIME_FORMAT") == written


@pytest.mark.parametrize(("language", "written"), [("en", "12,000"), ("fr", "12\xa0000")])
def test_templates_write_numbers_as_their_readers_do(language: str, written: str) -> None:
    template = Template("{% load i18n %}{{ many }}{% blocktranslate %}: {{ many }}{% endblocktranslate %}")

    with translation.override(language):
        assert template.render(Context({"many": 12_000})) == f"{written}: {written}"


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 clé d’API"), (1, "1 clé d’API"), (2, "2 clés d’API"), (1234, "1\xa0234 clés d’API")]
)
def test_the_rows_of_a_list_are_counted_as_in_french(count: int, told: str) -> None:
    listed = Mock(result_count=count, opts=ApiKey._meta, show_all=True, multi_page=False)

    with translation.override("fr"):
        page = render_to_string("console/pagination.html", {"cl": listed})

    assert told in page


def test_a_country_has_the_code_that_the_browser_names_it_by() -> None:
    assert [region(name) for name in ("France", "Germany", "Nowhere")] == ["FR", "DE", ""]


def kinds_of(kind: type[object]) -> Iterator[type[object]]:
    """Give what is ours of the kinds of this kind."""
    for each in kind.__subclasses__():
        if each.__module__.startswith("accounts."):
            yield from (each, *kinds_of(each))


def test_every_outcome_of_a_call_has_words() -> None:
    kinds: list[Any] = [*kinds_of(PlatformError), Published, Absent, Undecidable, Later]

    names = {LATE, *(calls.word(kind.__new__(kind)) for kind in kinds)}

    assert {name for name in names if outcome(name) == name} == set()


def test_the_browser_says_which_language_and_the_person_has_the_last_word(db: None) -> None:
    client = browser_of(make_user())

    asked = client.get("/console/", headers=FRENCH)
    client.post("/console/language", {"language": "en"})
    chosen = client.get("/console/", headers=FRENCH)

    assert [answer.headers["Content-Language"] for answer in (asked, chosen)] == ["fr", "en"]
    assert ["Publication" in answer.content.decode() for answer in (asked, chosen)] == [True, False]


def test_the_api_answers_in_english_also_after_a_french_page(db: None) -> None:
    client = browser_of(make_user())
    client.get("/console/", headers=FRENCH)

    answer = client.post("/admin/login", {}, content_type="application/json", headers=FRENCH)

    assert answer.json()["error"]["details"]["fields"]["email"] == ["This field is required."]


def test_a_choice_and_what_it_means_have_the_colon_of_the_readers_language(db: None) -> None:
    client = browser_of(make_user())

    pages = [
        client.get(f"/console/{of}/add/", headers=FRENCH).content.decode()
        for of in ("workspaces/apikey", "events/webhook")
    ]

    assert "posts.read\N{NO-BREAK SPACE}: voir les publications" in pages[0]
    assert "post.created\N{NO-BREAK SPACE}: Une publication" in pages[1]
