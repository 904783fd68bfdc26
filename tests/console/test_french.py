"""What rules, services and networks say is said in French to who reads French, with its values, and to no program."""

import ast
import copy
import pickle
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext

from accounts.models import AccountStatus, Pause, SocialAccount
from accounts.pauses import describe as pause_told
from accounts.platforms.errors import PlatformError
from accounts.platforms.http import said
from accounts.platforms.shapes import Content
from adminapi.console import words
from adminapi.console.pages import own_page
from adminapi.processes import restored
from ouipost import translating
from ouipost.errors import DomainError
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import DeliveryAttempt
from ouipost.outbound import Blocked
from ouipost.phrases import Moment, Ours, Phrase, State, either, joined
from ouipost.translating import PLACE, translated
from posts import pausing
from posts.models import Attempt, Post, Target
from posts.publishing import clock
from posts.timeline import attempts, deliveries, timeline
from tests.console import sources
from tests.factories import NOW, make_account, make_delivery, make_media, make_post, make_webhook
from tests.networks.platform_case import make_document, make_image, make_video
from tests.networks.tables import NETWORKS
from workspaces.models import Workspace

FRENCH = {"Accept-Language": "fr"}
pytestmark = [pytest.mark.any_database, pytest.mark.thorough]
DUE = "2026-11-25T18:56:40+00:00"
SAYS = "Facebook says: the session is no longer valid."
RULES = ("rules", "file_rules", "option_rules", "limits", "validation", "pins")
"""Modules of networks that speak of posts; what all others say is stored."""
STORING = (
    "accounts/pauses.py",
    "accounts/registry.py",
    "accounts/session.py",
    "accounts/tokens.py",
    "adminapi/management/commands/reconcile.py",
    "adminapi/processes/restored.py",
    "posts/publishing/clock.py",
    "posts/publishing/claiming.py",
    "posts/publishing/outcomes.py",
    "posts/publishing/damage.py",
    "posts/publishing/one_target.py",
    "posts/publishing/finding_out.py",
    "posts/publishing/looking.py",
    "posts/publishing/sending.py",
    "posts/publishing/turn.py",
    "posts/publishing/settling.py",
)
FLATTENED = ("ouipost/api/inputs.py", "ouipost/moments.py", "posts/inputs.py", "posts/schedules/inputs.py",
             "workspaces/settings.py")  # fmt: skip
"""Modules whose sentences go through DRF, which keeps the text alone."""


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    return sources.french_texts()


@pytest.fixture
def french() -> Iterator[None]:
    with translation.override("fr"):
        yield


def subclasses(error: type[Exception]) -> set[str]:
    return {error.__name__, *(name for child in error.__subclasses__() for name in subclasses(child))}


def bare(node: ast.expr | None) -> bool:
    """Whether this is a text that nobody could translate; what a program is to send is none for people."""
    match node:
        case ast.Constant(value=str() as text):
            return bool(text) and not text.startswith("POST ")
        case ast.JoinedStr():
            return not sources.formatted(node).startswith("POST ")
        case ast.IfExp(body=one, orelse=other):
            return bare(one) or bare(other)
    return False


def said_by(node: ast.AST, refusals: set[str]) -> list[ast.expr]:
    """Return the expressions that a call shows to people."""
    name = sources.called(node)
    if not isinstance(node, ast.Call) or not name:
        return []
    given = {each.arg: each.value for each in node.keywords}
    match name:
        case "Issue":
            return [given[each] for each in ("message", "fix") if each in given]
        case "above" | "below" | "_of_video":
            return node.args[2:3]
        case "said":
            return [given["otherwise"]]
        case "Undecidable" | "Later":
            return [given["message"]]
        case "InvalidInput":
            return [text for each in given.values() if isinstance(each, ast.List) for text in each.elts]
    return node.args[:1] if name in refusals else []


def test_whatever_a_rule_a_service_or_a_network_says_is_a_phrase() -> None:
    refusals = subclasses(DomainError) | subclasses(PlatformError) | {"NotSent", "AnswerLost"}
    refusals -= {"InvalidInput", "MalformedJSON"}  # the one has lists of texts, the other is of programs' bodies

    found = [
        f"{path}:{text.lineno}"
        for path in sources.modules()
        if path.name != "redis.py"  # its Unavailable is no network's
        for node in sources.nodes(path)
        for text in said_by(node, refusals)
        if bare(text)
    ]

    assert found == []


def test_every_phrase_has_a_french_text_that_shows_its_values(catalogue: dict[str, str]) -> None:
    phrases = {text for path in sources.modules() for text in sources.templates(path, "Phrase")}

    assert len(phrases) > 400
    assert {text for text in phrases if text not in catalogue or places(text) != places(catalogue[text])} == set()


def places(template: str) -> set[str]:
    return {place[1] for place in PLACE.finditer(template)}


def test_every_line_of_a_timeline_has_a_french_text_that_shows_its_values(catalogue: dict[str, str]) -> None:
    lines = [
        *timeline.COMMANDS.values(),
        *deliveries.ANSWERS.values(),
        *timeline.ABOUT_ACCOUNTS.values(),
        *attempts.WORDS.values(),
        *(text for texts in timeline.OUTCOMES.values() for text in texts),
        *(text for _kind, text in timeline.NO_ATTEMPT.values()),
    ]

    assert {line for line in lines if line not in catalogue or places(line) != places(catalogue[line])} == set()


def test_what_is_stored_can_be_recognized() -> None:
    networks = settings.BASE_DIR / "accounts/platforms"
    paths = [path for path in networks.rglob("*.py") if path.stem not in RULES]
    paths += [settings.BASE_DIR / each for each in (*STORING, *FLATTENED)]

    stored = {text for path in paths for text in sources.templates(path, "Phrase", "_") if PLACE.search(text)}

    own = {"{network} says: {ours}"}  # what Facebook does not say itself is quoted all the same
    assert stored - own - set(words.STORED) == set()


def test_what_the_processes_say_that_look_into_files_can_be_recognized() -> None:
    found = set()
    for path in sorted((settings.BASE_DIR / "posts" / "media").glob("*_child.py")):
        nodes = sources.nodes(path)
        docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in set(nodes) - docstrings:
            if isinstance(node, ast.JoinedStr) and re.search(r"\. [A-Z]|\.$", sources.formatted(node)):
                found.add(sources.formatted(node))
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= (
                    {node.value}
                    if re.fullmatch(r"The \w+ [^\n]*\.", node.value) and "for programs" not in node.value
                    else set()
                )

    known = {*words.PLAIN, *(PLACE.sub("{}", text) for text in words.STORED)}
    assert len(found) > 12
    assert found - known == set()


@pytest.mark.parametrize("template", words.STORED)
def test_a_stored_text_is_told_as_the_phrase_that_it_was(french: None, template: str) -> None:
    values = {place[1]: f"<{place[1]}>" for place in PLACE.finditer(template)} | {"network": "Threads"}
    given = {name: value for name, value in values.items() if f"{{{name}" in template}
    plain = PLACE.sub(lambda place: repr(values[place[1]]) if place[2] else values[place[1]], template)

    told = translated(plain)

    assert told != plain or not re.search("[a-z]{4}", PLACE.sub("", template).replace("log_id", ""))
    assert [value for value in given.values() if value not in told] == []


def test_a_network_s_own_words_stay_as_they_are_within_ours(french: None) -> None:
    assert translated(SAYS) == "Facebook répond\xa0: «\xa0the session is no longer valid.\xa0»"
    assert translated(said("Twitter/X", "", otherwise=Phrase("answered with status {status}.", status=503))) == (
        "Twitter/X a répondu avec le statut 503."
    )
    assert translated("Somebody else wrote this.") == "Somebody else wrote this."


def test_what_stands_within_a_stored_text_is_french_too(french: None) -> None:
    stored = "2 of 3 parts are out; the next was not accepted. Twitter/X says: Too fast."

    assert translated(stored) == (
        "2 parties sur 3 sont publiées\u202f; la suivante n’a pas été acceptée. "
        "Twitter/X répond\xa0: «\xa0Too fast.\xa0»"
    )
    assert translated("This creator cannot post for EVERYONE. Use one of: SELF_ONLY.") == (
        "Ce créateur ne peut pas publier pour EVERYONE. Utilisez l’une de ces valeurs\xa0: SELF_ONLY."
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("No. " * 12, 100),
        ("X X X. " * 12, 500),
        ("X " * 900, 1000),
        ("The host name does not resolve. " * 12 + "No", 200),
        ("No. " * 900, 1),
    ],
    ids=["many sentences", "many that may be ours", "one in another", "many of ours", "longer than any of ours"],
)
def test_a_network_s_many_words_are_looked_at_once(
    french: None, monkeypatch: pytest.MonkeyPatch, words: str, told: int
) -> None:
    """Whoever runs a server chooses what it says: to look for two sentences at each of the dots took 2 to the 12th."""
    looked = Mock(side_effect=gettext)
    monkeypatch.setattr(translating, "gettext", looked)

    assert translated(words).count("No") == words.count("No")
    assert looked.call_count <= told


def test_numbers_are_written_as_the_reader_writes_them(french: None) -> None:
    told = Phrase("{told}; this network takes at most {limit:g}.", told=Phrase("The image"), limit=2.5)
    many = Phrase("More than {most:,} events: choose {moment} or later.", most=10_000, moment="now")

    assert translated(told) == "L’image\u202f; ce réseau accepte 2,5 au plus."
    assert "10\u202f000" in translated(many).replace("\xa0", "\u202f")
    assert (str(told), str(many)[:15]) == ("The image; this network takes at most 2.5.", "More than 10,00")


@pytest.mark.parametrize(
    ("language", "many", "at"), [("en", "12,000", "25 Nov 2026, 19:56"), ("fr", "12\xa0000", "25 nov. 2026, 19:56")]
)
def test_pages_write_numbers_and_moments_of_ours_as_their_reader_and_their_clock_do(
    language: str, many: str, at: str
) -> None:
    late = "Nothing is accepted before 2026-11-25 18:56:40 UTC, and the time for trying is over by then: {}"
    ends = Phrase("The post was scheduled for {moment}.", moment=Moment("2026-11-25 UTC", datetime.fromisoformat(DUE)))
    stored = (
        late.format("X says: no"),
        f"Must be a number of minutes, 0 to 12000. {late.format('it is shut')}",
        "All settings together may have 12,000 characters as JSON. Remove some.",
    )
    plain = (
        "X says: 12000",
        "Twitter/X says: see 2026-11-25 18:56 UTC",
        "Twitter/X answered with status 503 and the code 12000.",
    )

    with translation.override(language), timezone.override("Europe/Paris"):
        told, kept = [translated(text) for text in stored], [translated(text) for text in plain]
        live = [translated(ends), translated(Phrase("The text has {count} characters", count=12_000))]
    with translation.override(language):
        without = translated(ends)

    assert [at in told[0], at in told[1], many in told[1], many in told[2]] == [True] * 4
    assert [at in live[0], "UTC" in live[0], many in live[1]] == [True, False, True]
    assert at.replace("19:56", "18:56 UTC") in without
    assert ["12000" in kept[0], "2026-11-25 18:56 UTC" in kept[1], "12000" in kept[2]] == [True] * 3
    assert (str(ends), pickle.loads(pickle.dumps(ends)).values["moment"].at.isoformat()) == (  # noqa: S301
        "The post was scheduled for 2026-11-25 UTC.",
        DUE,
    )


def test_a_phrase_is_its_english_text_to_everybody_else() -> None:
    phrase = Phrase("There is no such {scope}.", scope=Ours("account"))

    assert phrase == "There is no such account."
    assert translated(phrase) == phrase
    assert [copy.deepcopy(phrase).values, pickle.loads(pickle.dumps(phrase)).template] == [  # noqa: S301
        phrase.values,
        phrase.template,
    ]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "The target is partially published: there is nothing to ask."),
        ("fr", "La destination est partiellement publiée\xa0: il n’y a rien à demander."),
    ],
)
def test_pages_call_a_state_by_its_label_and_the_api_by_its_own_word(language: str, told: str) -> None:
    phrase = Phrase("The target is {status}: there is nothing to ask.", status=State("partially_published"))
    both = joined([phrase, either([State("needs_review"), State("failed")])])

    with translation.override(language):
        assert translated(phrase) == told
        assert "_" not in translated(both)
    assert phrase == "The target is partially_published: there is nothing to ask."


def broken_contents() -> Iterator[Content]:
    """Give contents that break as many rules as contents can."""
    long = "<Fresh> @bread #bread $BREAD " * 300
    images = [make_image(str(number), mime_type="image/bmp", size=10**9, alt_text="a" * 9000) for number in range(40)]
    video = make_video("video", mime_type="video/ogg", size=10**12, seconds=90_000, alt_text="a" * 9000)
    short = make_video("short", seconds=0.5, width=10, height=9000)
    document = make_document("paper", mime_type="text/plain", size=10**10, pages=9000)
    options = {"thread": [long], "first_comment": long, "langs": ["?"] * 9, "board_id": "x", "tags": ["a" * 900],
               "topic_tag": "a.b", "reply_settings": "nobody", "privacy_level": "NOBODY", "thumb_offset": -1,
               "photo_cover_index": 99, "visibility": 5, "unheard_of": 1, "made_for_kids": True}  # fmt: skip
    for media in ((), (*images, video), (video,), (short,), (document,), tuple(images[:1])):
        for kind in ("feed", "story", "reel", "unheard_of"):
            yield Content(text=long, title=long, link="ftp://", media=media, options=options | {"post_type": kind})
    yield Content(text="")


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: str(network.id))
def test_whatever_a_network_would_refuse_is_told_in_french_with_its_numbers(french: None, network: Any) -> None:
    issues = {issue.message: issue for content in broken_contents() for issue in network.validate(content, {})}
    texts = [text for issue in issues.values() for text in (issue.message, issue.fix) if text]

    assert len(issues) > 9
    assert [text for text in texts if translated(text) == text] == []
    assert [text for text in texts if digits(text) != digits(translated(text))] == []


def digits(text: str) -> str:
    return "".join(sorted(re.findall(r"\d", text)))


def test_an_english_page_would_be_noticed(staff: Client, workspace: Workspace, catalogue: dict[str, str]) -> None:
    page = staff.get(reverse("admin:posts_post_change", args=[make_troubled(workspace).pk])).content.decode()

    assert {"has refused it", "The operator has paused"} <= sources.english_in(page, catalogue)


def test_a_preview_with_issues_shows_no_english_sentence_of_ours(
    staff: Client, workspace: Workspace, catalogue: dict[str, str]
) -> None:
    accounts = [make_account(workspace, platform=network.id, remote_id=network.id) for network in NETWORKS]
    accounts[0].status = AccountStatus.EXPIRED
    accounts[0].save()
    body = {"content": "<Fresh> @bread #bread " * 900, "title": "t" * 500, "platforms": [each.pk for each in accounts],
            "section": [each.platform for each in accounts], "link": "", "hashtags": ""}  # fmt: skip

    page = staff.post("/console/compose/preview/", body, headers=FRENCH).content.decode()

    assert "ce réseau accepte" in unescape(page)
    assert sources.english_in(page, catalogue) == set()


def test_the_page_of_a_failed_post_shows_no_english_sentence_of_ours(
    staff: Client, workspace: Workspace, catalogue: dict[str, str]
) -> None:
    post = make_troubled(workspace)

    page = staff.get(reverse("admin:posts_post_change", args=[post.pk]), headers=FRENCH).content.decode()

    assert "Facebook l’a refusée." in unescape(page)
    assert "«\xa0the session is no longer valid.\xa0»" in unescape(page)
    assert sources.english_in(page, catalogue) == set()


def test_the_calls_that_were_made_for_a_target_are_told_in_french(
    staff: Client, workspace: Workspace, catalogue: dict[str, str]
) -> None:
    target = Target.objects.get(post=make_troubled(workspace), platform="threads")

    page = staff.get(reverse("admin:posts_target_change", args=[target.pk]), headers=FRENCH).content.decode()

    assert "Appels au réseau" in page
    assert "La publier #1" in page
    assert "Http status" not in page
    assert sources.english_in(page, catalogue) == set()


def make_troubled(workspace: Workspace) -> Post:
    """Write a post with much in its timeline: one network refused it, another is paused, of a third nobody knows."""
    names = ("facebook", "threads", "linkedin")
    accounts = [make_account(workspace, platform=name, remote_id=name) for name in names]
    post = make_post(workspace, accounts=accounts, status="failed")
    make_media(post)
    facebook, threads, linkedin = (Target.objects.get(post=post, platform=name) for name in names)
    for target, outcome, told in (
        (facebook, "auth_expired", SAYS),
        (linkedin, "undecidable", "LinkedIn took the post and gave no id."),
        (threads, "unavailable", "Threads is processing what it was given."),
    ):
        error = {"code": "TOKEN_REVOKED", "message": told, "who_acts": "account_owner", "network_code": "190"}
        Target.objects.filter(pk=target.pk).update(error=error)
        Attempt.objects.create(
            target=target, number=1, fence=1, step="commit", started_at=NOW, ended_at=NOW + timedelta(seconds=1),
            outcome=outcome, http_status=401, code="TOKEN_REVOKED", network_code="190", message=told,
        )  # fmt: skip
    Target.objects.filter(pk=threads.pk).update(status="publishing", due_at=NOW)
    pausing.pause("network", "threads", reason="Maintenance of ours", actor=SYSTEM, now=NOW)
    for name in ("created", "updated", "retried"):
        record(name, post, actor=SYSTEM)
    return post


def test_the_form_of_a_webhook_says_in_french_what_events_mean(staff: Client, catalogue: dict[str, str]) -> None:
    page = staff.get(reverse("admin:events_webhook_add"), headers=FRENCH).content.decode()

    assert "post.created\N{NO-BREAK SPACE}: Une publication a été créée." in unescape(page)
    assert sources.english_in(page, catalogue) == set()


def test_what_came_of_a_delivery_is_told_in_french_and_a_receiver_s_answer_as_it_is(
    staff: Client, catalogue: dict[str, str]
) -> None:
    delivery = make_delivery(make_webhook(), status="failed")
    for number, (error, status, answer) in enumerate(
        [
            ("refused", 503, "No complete answer came in time."),
            ("no_answer", None, "No complete answer came in time."),
            ("not_sent", None, "The host name does not resolve."),
            ("address_blocked", None, str(Blocked())),
            ("secret_unreadable", None, "Our operator must fix it."),
        ],
        start=1,
    ):
        told = {"error": error, "http_status": status, "answer": answer}
        DeliveryAttempt.objects.create(delivery=delivery, number=number, at=NOW, milliseconds=1, **told)

    page = unescape(
        staff.get(reverse("admin:events_delivery_change", args=[delivery.pk]), headers=FRENCH).content.decode()
    )

    assert "Il a répondu 503." in page
    assert page.count("No complete answer came in time.") == 1
    assert "Le nom d’hôte ne correspond à aucune adresse." in page
    assert sources.english_in(page, catalogue) == {"No complete answer came in time"}


def test_why_a_webhook_is_off_is_told_in_french_on_the_overview(staff: Client, catalogue: dict[str, str]) -> None:
    make_webhook(is_active=False, disabled_reason="Nothing arrived for 5 days.")

    page = staff.get(reverse("admin:index"), headers=FRENCH).content.decode()

    assert "Rien n’est arrivé pendant 5 jours." in unescape(page)
    assert sources.english_in(page, catalogue) == set()


def test_a_refusal_with_values_is_told_in_french(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="published")
    address = reverse("admin:posts_post_do", args=[post.pk, "retry_failed"])

    answer = staff.post(address, {"confirmed": "1"}, headers=FRENCH, follow=True)

    assert "La publication est publiée\u202f;" in unescape(answer.content.decode())


def test_a_colon_behind_a_state_is_the_reader_s(staff: Client, workspace: Workspace) -> None:
    page = staff.get(reverse("admin:posts_post_change", args=[make_troubled(workspace).pk]), headers=FRENCH)

    assert re.findall(r'class="op-why">.*?</span>(.*?)</strong>', page.content.decode(), re.DOTALL)[0] == "\xa0:"


def test_what_networks_would_refuse_is_told_to_people_and_not_where_programs_find_it(
    staff: Client, workspace: Workspace
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace, platform="youtube")])
    address = reverse("admin:posts_post_do", args=[post.pk, "publish_now"])

    pages = [
        unescape(staff.post(address, {"confirmed": "1"}, headers=headers, follow=True).content.decode())
        for headers in ({}, FRENCH)
    ]

    assert "YouTube: This network takes no post of this kind without a title. YouTube: " in pages[0]
    assert "YouTube\xa0: Ce réseau n’accepte pas ce type de publication sans titre. YouTube\xa0: " in pages[1]
    assert ["details.issues" in page for page in pages] == [False, False]


def test_an_address_that_is_missing_is_asked_for_in_french(staff: Client, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="needs_review")
    Target.objects.update(status="needs_review")
    address = reverse("admin:posts_post_resolve", args=[post.pk, Target.objects.get().pk])

    page = staff.post(address, {"outcome": "published"}, headers=FRENCH).content.decode()

    assert "L’adresse de la publication est obligatoire." in unescape(page)


@pytest.mark.parametrize(
    ("account", "told"),
    [("", "Lequel\u202f? (compte)"), ("acc_gone", "Introuvable\xa0: compte.")],
    ids=["none", "gone"],
)
def test_an_account_that_a_pause_lacks_is_asked_for_in_french_beside_its_reason(
    staff: Client, account: str, told: str
) -> None:
    form = {"scope": "account", "id_account": account, "reason": ""}

    page = staff.post(reverse("console_pauses"), form, headers=FRENCH).content.decode()

    assert told in unescape(page)


def test_what_was_done_is_told_with_the_colon_of_french(staff: Client, workspace: Workspace) -> None:
    address = reverse("admin:posts_post_do", args=[make_post(workspace).pk, "duplicate"])

    page = staff.post(address, {"confirmed": "1"}, headers=FRENCH, follow=True).content.decode()

    assert "Dupliquer\N{NO-BREAK SPACE}: fait." in unescape(page)


def test_a_pause_is_told_in_french_with_the_operator_s_own_words(french: None, db: None) -> None:
    pause = pausing.pause("network", "threads", reason="draft", actor=SYSTEM, now=NOW)

    assert translated(str(pause_told(pause))) == translated(pause_told(pause))
    assert translated(pause_told(pause)) == "L’opérateur a mis en pause toute publication sur Threads\xa0: draft."


REASONS: dict[str, tuple[Callable[[], Pause], str]] = {
    "a restored copy": (
        lambda: restored._pause(NOW, now=NOW),
        "restaurée à partir d’une copie du 25 nov. 2026, 12:00 UTC",
    ),
    "a clock": (
        lambda: clock._pause(timedelta(hours=6), now=NOW),
        "a avancé d’un coup de 21\xa0600 secondes. Vérifiez",
    ),
}


@pytest.mark.parametrize("case", REASONS)
def test_why_the_product_itself_has_paused_everything_is_told_in_french(
    staff: Client, workspace: Workspace, catalogue: dict[str, str], case: str
) -> None:
    pause, told = REASONS[case]
    account = make_account(workspace)
    pause()

    addresses = reverse("admin:index"), reverse("console_pauses"), own_page(SocialAccount, account.pk)
    pages = [staff.get(address, headers=FRENCH).content.decode() for address in addresses]

    assert [told in unescape(page) for page in pages] == [True, True, True]
    assert [sources.english_in(page, catalogue) for page in pages] == [set(), set(), set()]


def test_texts_that_were_joined_are_translated_each_by_itself(french: None) -> None:
    assert translated(joined([Phrase("made smaller"), Phrase("as a still picture")])) == "réduite, en image fixe"
