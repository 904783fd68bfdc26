"""A token is ours, of its kind, whole, and of its time; whatever else is shown is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from adminapi.sessions import jwts
from ouipost.ids import new_id
from tests.contract.world import error_of
from tests.factories import make_token, make_user

HOUR = timedelta(hours=1)
Claims = dict[str, Any]


def signing() -> tuple[str, bytes]:
    return next(iter(jwts._ring().items()))


def forged(
    token: str, *, key: Any = None, algorithm: str = "HS256", claims: Claims | None = None, **header: Any
) -> str:
    """Sign the token's claims anew, with our own key unless another is given: what is changed must be noticed."""
    told = jwt.decode(token, options={"verify_signature": False}) | (claims or {})
    head = {"typ": jwts.TYPE, "kid": signing()[0]} | header
    head = {name: value for name, value in head.items() if value is not None or name == "typ"}
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, signing()[1] if key is None else key, algorithm=algorithm, headers=head)


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_payload(token: str, **claims: Any) -> str:
    head, _, signature = token.split(".")
    told = jwt.decode(token, options={"verify_signature": False})
    return ".".join((head, part(told | claims), signature))


def signed_as_rs256(token: str) -> str:
    """Sign by HMAC and say RS256, as if the secret were a public key."""
    told = jwt.decode(token, options={"verify_signature": False})
    text = f"{part({'alg': 'RS256', 'typ': jwts.TYPE, 'kid': signing()[0]})}.{part(told)}"
    return f"{text}.{part(hmac.new(signing()[1], text.encode(), hashlib.sha256).digest())}"


FORGERIES: dict[str, Callable[[str], str]] = {
    "alg none": lambda token: forged(token, algorithm="none", key=""),
    "alg none without signature": lambda token: f"{part({'alg': 'none', 'typ': jwts.TYPE})}.{token.split('.')[1]}.",
    "alg NoNe": lambda token: f"{part({'alg': 'NoNe', 'typ': jwts.TYPE, 'kid': signing()[0]})}.{token.split('.')[1]}.",
    "HS512": lambda token: forged(token, algorithm="HS512"),
    "HS384": lambda token: forged(token, algorithm="HS384"),
    "RS256 signed with the secret": signed_as_rs256,
    "the secret of the installation itself": lambda token: forged(token, key=settings.SECRET_KEY),
    "another key": lambda token: forged(token, key=b"k" * 32),
    "an empty key": lambda token: ".".join((*token.split(".")[:2], "")),
    "a role that was added": lambda token: with_payload(token, role="admin"),
    "another user": lambda token: with_payload(token, sub=new_id("user")),
    "a later end": lambda token: with_payload(token, exp=4_000_000_000),
    "another user, signed": lambda token: forged(token, claims={"sub": new_id("user")}),
    "a session that is not there": lambda token: forged(token, claims={"jti": new_id("ses")}),
    "another aud": lambda token: forged(token, claims={"aud": "oui-post-api"}),
    "no aud": lambda token: forged(token, claims={"aud": None}),
    "another iss": lambda token: forged(token, claims={"iss": "elsewhere"}),
    "no iss": lambda token: forged(token, claims={"iss": None}),
    "no exp": lambda token: forged(token, claims={"exp": None}),
    "no nbf": lambda token: forged(token, claims={"nbf": None}),
    "no iat": lambda token: forged(token, claims={"iat": None}),
    "no sub": lambda token: forged(token, claims={"sub": None}),
    "no jti": lambda token: forged(token, claims={"jti": None}),
    "not yet": lambda token: forged(token, claims={"nbf": timezone.now() + HOUR}),
    "another typ": lambda token: forged(token, typ="JWT"),
    "no typ": lambda token: forged(token, typ=None),
    "jku": lambda token: forged(token, jku="https://evil.example/keys"),
    "x5u": lambda token: forged(token, x5u="https://evil.example/cert"),
    "jwk": lambda token: forged(token, jwk={"kty": "oct", "k": "AAAA"}),
    "crit": lambda token: forged(token, crit=["exp"]),
    "no kid": lambda token: forged(token, kid=None),
    "a kid with ../": lambda token: forged(token, kid="../../../../dev/null"),
    "a kid with SQL": lambda token: forged(token, kid="' OR 1=1 --"),
    "a kid that is a number": lambda token: f"{part({'alg': 'HS256', 'typ': jwts.TYPE, 'kid': 1})}.e30.AAAA",
    "a header that is a list": lambda token: f"{part(['HS256'])}.{token.split('.')[1]}.AAAA",
    "a header that is deep": lambda token: f"{part(b'[' * 20_000)}.e30.AAAA",
    "a header that is no JSON": lambda token: f"{part(b'hello')}.e30.AAAA",
    "two parts": lambda token: token.rpartition(".")[0],
    "four parts": lambda token: f"{token}.x",
    "a signature cut short": lambda token: token[:-2],
    "a byte more": lambda token: f"{token}\u00e9",
    "nothing": lambda token: "",
}


def shown(value: str) -> Any:
    return Client(raise_request_exception=False).get("/admin/profile", headers={"Authorization": value})


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # of the forger's own signing
def test_a_forged_token_is_refused() -> None:
    token = make_token(make_user())

    answers = {name: shown(f"Bearer {forged(token)}") for name, forged in FORGERIES.items()}

    told = {name: (*error_of(answer), answer.headers["WWW-Authenticate"]) for name, answer in answers.items()}
    assert told == dict.fromkeys(FORGERIES, (401, "INVALID_TOKEN", "Bearer"))
    assert shown(f"Bearer {token}").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "AUTHENTICATION_REQUIRED"),
        ("Bearer", "INVALID_TOKEN"),
        ("Basic {token}", "INVALID_TOKEN"),
        ("{token}", "INVALID_TOKEN"),
        ("Bearer {token} {token}", "INVALID_TOKEN"),
        ("Bearer Bearer {token}", "INVALID_TOKEN"),
    ],
)
def test_a_header_of_another_form_is_refused(header: str, code: str) -> None:
    token = make_token(make_user())

    assert error_of(shown(header.format(token=token))) == (401, code)


@pytest.mark.django_db
def test_the_name_of_the_scheme_has_no_case() -> None:
    token = make_token(make_user())

    assert {shown(f"{scheme} {token}").status_code for scheme in ("Bearer", "bearer", "BEARER")} == {200}


@pytest.mark.django_db
def test_what_a_token_says_of_its_end_is_not_believed_beyond_its_session() -> None:
    token = make_token(make_user(), expires_at=timezone.now() - timedelta(seconds=5))

    answer = shown(f"Bearer {forged(token, claims={'exp': timezone.now() + HOUR})}")

    assert error_of(answer) == (401, "TOKEN_EXPIRED")


@pytest.mark.django_db
def test_a_token_that_ended_31_seconds_ago_is_refused_though_its_session_goes_on() -> None:
    token = make_token(make_user())

    answer = shown(f"Bearer {forged(token, claims={'exp': timezone.now() - timedelta(seconds=31)})}")

    assert error_of(answer) == (401, "TOKEN_EXPIRED")


@pytest.mark.django_db
def test_another_secret_ends_tokens_unless_the_old_one_is_kept(settings: Settings) -> None:
    token, old = make_token(make_user()), settings.SECRET_KEY
    settings.SECRET_KEY = "another secret that is long enough to be one"
    refused = shown(f"Bearer {token}")

    settings.SECRET_KEY_FALLBACKS = [old]

    assert error_of(refused) == (401, "INVALID_TOKEN")
    assert shown(f"Bearer {token}").status_code == 200


@pytest.mark.django_db
def test_a_token_names_a_session_and_tells_nothing_of_what_it_allows() -> None:
    token = make_token(make_user())

    told = jwt.decode(token, options={"verify_signature": False})

    assert set(told) == {"iss", "aud", "sub", "jti", "iat", "nbf", "exp"}
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": jwts.TYPE, "kid": signing()[0]}
