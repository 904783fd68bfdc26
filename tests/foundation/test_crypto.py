"""What is encrypted opens with a key of the ring, and at its own place only."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from ouipost.crypto import CannotDecrypt, decrypt, encrypt, key_ring
from tests.foundation.rings import make_key

PLACE = "accounts_socialaccount.access_token:acc_1:ws_1"


OLD, NEW, OTHER = make_key(b"o"), make_key(b"n"), make_key(b"x")


@pytest.fixture(autouse=True)
def _one_key(settings: Settings) -> None:
    settings.TOKEN_KEYS = [f"old:{OLD}"]


def test_what_was_encrypted_opens_at_its_place() -> None:
    sealed = encrypt("s3cret ünïcode", place=PLACE)

    assert decrypt(sealed, place=PLACE) == "s3cret ünïcode"
    assert "s3cret" not in sealed


def test_the_stored_form_is_version_key_nonce_and_ciphertext() -> None:
    version, key_id, nonce, sealed = encrypt("secret", place=PLACE).split(".")

    assert (version, key_id) == ("v1", "old")
    assert (len(nonce), len(sealed)) == (16, 30)


def test_the_same_text_is_never_encrypted_alike() -> None:
    assert encrypt("secret", place=PLACE) != encrypt("secret", place=PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "accounts_connection.access_token:acc_1:ws_1",
        "accounts_socialaccount.refresh_token:acc_1:ws_1",
        "accounts_socialaccount.access_token:acc_2:ws_1",
        "accounts_socialaccount.access_token:acc_1:ws_2",
    ],
    ids=["table", "column", "row", "workspace"],
)
def test_a_ciphertext_does_not_open_at_another_place_and_is_not_told(elsewhere: str) -> None:
    sealed = encrypt("secret", place=PLACE)

    with pytest.raises(CannotDecrypt, match="check TOKEN_KEYS") as raised:
        decrypt(sealed, place=elsewhere)

    assert sealed not in str(raised.value)


def test_the_first_key_encrypts_and_every_key_opens(settings: Settings) -> None:
    with_old = encrypt("before", place=PLACE)
    settings.TOKEN_KEYS = [f"new:{NEW}", f"old:{OLD}"]

    with_new = encrypt("after", place=PLACE)

    assert with_new.split(".")[1] == "new"
    assert [decrypt(each, place=PLACE) for each in (with_old, with_new)] == ["before", "after"]


@pytest.mark.parametrize("ring", [f"new:{NEW}", f"old:{OTHER}"], ids=["another id", "the same id"])
def test_another_key_opens_nothing(settings: Settings, ring: str) -> None:
    sealed = encrypt("secret", place=PLACE)
    settings.TOKEN_KEYS = [ring]

    with pytest.raises(CannotDecrypt):
        decrypt(sealed, place=PLACE)


@pytest.mark.parametrize("damage", ["", "v1.old.nonce", "v1.old.!!!!.!!!!", "plain text", "v1.old.AAAA.AAAA"])
def test_what_was_never_encrypted_does_not_open(damage: str) -> None:
    with pytest.raises(CannotDecrypt):
        decrypt(damage, place=PLACE)


def test_one_changed_character_is_noticed() -> None:
    sealed = encrypt("secret", place=PLACE)
    changed = sealed[:-4] + ("A" if sealed[-4] != "A" else "B") + sealed[-3:]

    with pytest.raises(CannotDecrypt):
        decrypt(changed, place=PLACE)


@pytest.mark.parametrize("entry", ["", "old", f":{OLD}", f"a.b:{OLD}", "old:c2hvcnQ=", "old:***", "old:é"])
def test_a_malformed_ring_is_named(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TOKEN_KEYS must be id:base64 entries of 32 bytes"):
        key_ring((entry,))


@pytest.mark.parametrize("second", ["k1", "K1"])
def test_an_id_that_is_there_twice_is_named(second: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"TOKEN_KEYS has two keys with the id {second}"):
        key_ring((f"k1:{NEW}", f"old:{OTHER}", f"{second}:{OLD}"))


def test_spaces_around_an_entry_do_no_harm() -> None:
    assert list(key_ring((f" new:{NEW} ", f"old:{OLD}"))) == ["new", "old"]
