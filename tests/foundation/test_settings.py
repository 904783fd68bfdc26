"""Embedded mode starts with nothing; production refuses to start half-configured."""

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from ouipost.configuration import stores
from tests.foundation.starts import refusal, start

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "0123456789" * 5,
    "TOKEN_KEYS": "k1:" + "A" * 43 + "=",
    "ALLOWED_HOSTS": "example.com",
    "PUBLIC_BASE_URL": "https://example.com/",
    "DATABASE_URL": "mysql://user:word@db.example:3306/ouipost",
}


def started(home: Path, **variables: str) -> dict[str, object]:
    done = start(home, **variables)
    assert done.settings, done.said
    return done.settings


def test_what_embedded_mode_writes_is_its_owners_alone(tmp_path: Path) -> None:
    started(tmp_path / "home")

    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert (tmp_path / "home" / "static").is_dir()


def test_embedded_mode_needs_no_variable(tmp_path: Path) -> None:
    shown = started(tmp_path / "home")

    databases = shown["DATABASES"]
    assert isinstance(databases, dict)
    assert (tmp_path / "home" / "secrets.env").exists()
    assert set(databases) == {"default", "simulator"}
    assert databases["default"]["NAME"] == str(tmp_path / "home" / "ouipost.sqlite3")
    assert databases["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in databases["default"]["OPTIONS"]["init_command"]
    assert (shown["SIMULATOR"], shown["DEBUG"], shown["WEB_THREADS"]) == (True, False, 64)
    assert shown["PUBLIC_BASE_URL"] == "http://127.0.0.1:8000"


def test_production_starts_when_it_is_configured(tmp_path: Path) -> None:
    shown = started(tmp_path, **PRODUCTION)

    databases = shown["DATABASES"]
    assert isinstance(databases, dict)
    assert list(databases) == ["default"]
    assert databases["default"]["OPTIONS"]["isolation_level"] == "read committed"
    assert "time_zone = '+00:00'" in databases["default"]["OPTIONS"]["init_command"]
    assert (shown["SIMULATOR"], shown["SIMULATOR_TOKEN"], shown["WEB_THREADS"]) == (False, "", 8)
    assert (shown["PUBLIC_BASE_URL"], shown["ALLOWED_HOSTS"]) == ("https://example.com", ["example.com"])
    secure = ["SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"]
    assert all(shown[name] is True for name in secure)
    hsts = ["SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD"]
    assert [shown[name] for name in hsts] == [31_536_000, False, False]  # other names are not ours to speak for
    assert os.listdir(tmp_path) == []


def test_a_home_that_is_left_empty_is_not_the_folder_of_the_code(tmp_path: Path) -> None:
    shown = started(tmp_path, **PRODUCTION, OUIPOST_HOME="")

    assert shown["MEDIA_ROOT"] == str(Path(__file__).parents[2] / "var" / "media")


@pytest.mark.parametrize("wrong", ["home", "home/secrets.env"])
def test_embedded_mode_says_what_it_may_not_read_or_write(tmp_path: Path, wrong: str) -> None:
    """As root, who may write anywhere, a thing of another kind stands for one of another owner."""
    if wrong == "home":
        (tmp_path / "home").write_text("")
    else:
        (tmp_path / wrong).mkdir(parents=True)

    said = refusal(tmp_path / "home")

    assert "ImproperlyConfigured: OUIPOST_HOME must be a folder that this user may write to, with room left: " in said
    assert said.endswith(f"'{tmp_path / wrong}'.")


@pytest.mark.parametrize(
    ("kept", "missing"),
    [
        ("", "SECRET_KEY"),
        (f"SECRET_KEY={'s' * 50}", "TOKEN_KEYS"),
        (f"SECRET_KEY={'s' * 50}\nTOKEN_KEYS={PRODUCTION['TOKEN_KEYS']}\nSIMUL", "SIMULATOR_TOKEN"),
    ],
)
def test_a_file_of_secrets_that_lacks_one_is_named(tmp_path: Path, kept: str, missing: str) -> None:
    (tmp_path / "secrets.env").write_text(kept)

    said = refusal(tmp_path)

    assert f"{missing} is set to nothing, or missing in {tmp_path / 'secrets.env'}: bring that file back" in said
    assert (tmp_path / "secrets.env").read_text() == kept


def test_a_file_of_secrets_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_bytes(b"SECRET_KEY=\xff")

    assert refusal(tmp_path).endswith(f"'{tmp_path / 'secrets.env'}' is no text in UTF-8.")


@pytest.mark.parametrize(
    ("name", "given"),
    [("SECRET_KEY", ""), ("TOKEN_KEYS", ""), ("PUBLIC_BASE_URL", ""), ("ALLOWED_HOSTS", ""), ("ALLOWED_HOSTS", " , ")],
)
def test_production_refuses_to_start_without_what_has_no_default_there(tmp_path: Path, name: str, given: str) -> None:
    without = {each: value for each, value in PRODUCTION.items() if each != name}

    for variables in (without, without | {name: given}):
        assert refusal(tmp_path, **variables).endswith(f": {name} must be set when ENVIRONMENT=production.")


def test_production_refuses_a_simulator_that_anyone_can_control(tmp_path: Path) -> None:
    assert "SIMULATOR_TOKEN must be set" in refusal(tmp_path, **PRODUCTION, SIMULATOR="1")


def test_production_may_have_a_simulator(tmp_path: Path) -> None:
    shown = started(tmp_path, **PRODUCTION, SIMULATOR="1", SIMULATOR_TOKEN="token")

    assert (shown["SIMULATOR"], shown["SIMULATOR_TOKEN"]) == (True, "token")


def test_production_refuses_to_start_with_debug(tmp_path: Path) -> None:
    assert "DEBUG must be off when ENVIRONMENT=production" in refusal(tmp_path, **PRODUCTION, DEBUG="1")


def test_a_short_secret_key_is_refused(tmp_path: Path) -> None:
    assert "SECRET_KEY must have at least 32 characters" in refusal(tmp_path, **PRODUCTION | {"SECRET_KEY": "short"})


def test_an_unknown_environment_is_refused(tmp_path: Path) -> None:
    assert "ENVIRONMENT must be embedded or production" in refusal(tmp_path, ENVIRONMENT="staging")


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(tmp_path: Path, name: str) -> None:
    done = start(tmp_path, **{name: "mysql://user:half/the-password@db.example/ouipost"})

    assert f"{name} cannot be read" in done.said.splitlines()[-1]
    assert not any(word in done.said for word in ("half", "the-password"))


@pytest.mark.parametrize("name", ["DATABASE_URL", "SIMULATOR_DATABASE_URL", "DATABASE_REPLICA_URL"])
@pytest.mark.parametrize(
    "given",
    [
        *("db", "postgres://a:half@db/ouipost", "mysql://a:half@db:3306/", "mysql://a:half@db/ouipost#part"),
        *("mysql://a:half@db/ouipost?charset=latin1", "mysql://a:half@db/ouipost?ssl_ca=/ca.pem"),
        *("mysql://a:half@db/ouipost?ssl_mode=verify", "mysql://a:half@db/ouipost?ssl_mode=VERIFY_IDENTITY"),
        *("mysql://a:half@db/ouipost?ssl_mode=REQUIRED&ssl_ca=", "sqlite:///ouipost.sqlite3?ssl_mode=REQUIRED"),
    ],
)
def test_an_address_that_no_database_has_is_refused(tmp_path: Path, name: str, given: str) -> None:
    said = refusal(tmp_path, **{name: given})

    assert f"{name} must be sqlite:///path or mysql://user:password@host:port/name" in said
    assert "half" not in said


def test_an_address_of_a_server_may_ask_for_tls(tmp_path: Path) -> None:
    files = "ssl_ca=/etc/ssl/db.pem&ssl_cert=/etc/ssl/me.pem&ssl_key=/etc/ssl/me.key"
    url = f"{PRODUCTION['DATABASE_URL']}?ssl_mode=VERIFY_IDENTITY&{files}"

    databases: Any = started(tmp_path, **PRODUCTION | {"DATABASE_URL": url})["DATABASES"]

    options = databases["default"]["OPTIONS"]
    assert options["ssl_mode"] == "VERIFY_IDENTITY"
    assert options["ssl"] == {"ca": "/etc/ssl/db.pem", "cert": "/etc/ssl/me.pem", "key": "/etc/ssl/me.key"}


@pytest.mark.parametrize("name", ["DEBUG", "SIMULATOR"])
def test_what_is_neither_true_nor_false_is_refused(tmp_path: Path, name: str) -> None:
    assert f"{name} cannot be read: ture is neither true nor false." in refusal(tmp_path, **{name: "ture"})


@pytest.mark.parametrize(("given", "is_on"), [("True", True), ("1", True), ("OFF", False), ("0", False)])
def test_words_for_true_and_false(tmp_path: Path, given: str, is_on: bool) -> None:
    assert started(tmp_path, SIMULATOR=given)["SIMULATOR"] is is_on


def test_what_may_be_called_must_be_names_and_networks(tmp_path: Path) -> None:
    said = refusal(tmp_path, OUTBOUND_ALLOW="pds.example.lan,10.1.0.0/16,http://pds.example.lan")

    assert "OUTBOUND_ALLOW takes host names and CIDRs, not 'http://pds.example.lan'" in said


@pytest.mark.parametrize("name", ["PUBLIC_BASE_URL", "NETWORK_GATEWAY"])
@pytest.mark.parametrize(
    "given", ["posts.example.com", "ftp://posts.example.com", "https://", "https://me:half@posts.example.com", "/?a=b"]
)
def test_an_address_that_no_path_can_be_put_behind_is_refused(tmp_path: Path, name: str, given: str) -> None:
    said = refusal(tmp_path, **{name: given})

    assert f"{name} must be an address such as https://posts.example.com" in said
    assert "half" not in said


def test_paths_are_put_behind_an_address_with_a_path_of_its_own(tmp_path: Path) -> None:
    shown = started(tmp_path, NETWORK_GATEWAY="http://127.0.0.1:9000/networks/", PUBLIC_BASE_URL="http://[::1]:8000/")

    assert (shown["NETWORK_GATEWAY"], shown["PUBLIC_BASE_URL"]) == (
        "http://127.0.0.1:9000/networks",
        "http://[::1]:8000",
    )


BUCKET = {"MEDIA_STORAGE": "s3", "AWS_STORAGE_BUCKET_NAME": "posts", "AWS_S3_REGION_NAME": "eu-west-3"}


def test_files_are_kept_in_a_bucket_where_the_settings_say_so(tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_LOCATION": "/ouipost/"}
    minio = {"AWS_S3_ENDPOINT_URL": "http://minio:9000", "AWS_S3_ADDRESSING_STYLE": "path", "AWS_S3_REGION_NAME": ""}

    shown = started(tmp_path, **PRODUCTION, **BUCKET | keys | minio)["STORAGES"]

    assert isinstance(shown, dict)
    assert shown["default"] == {
        "BACKEND": "posts.media.s3.S3Files",
        "OPTIONS": {
            "bucket_name": "posts",
            "location": "ouipost",
            "access_key": "id",
            "secret_key": "secret",
            "endpoint_url": "http://minio:9000",
            "region_name": "us-east-1",
            "addressing_style": "path",
        },
    }


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"MEDIA_STORAGE": "ftp"}, "MEDIA_STORAGE must be local or s3"),
        ({"AWS_STORAGE_BUCKET_NAME": ""}, "AWS_STORAGE_BUCKET_NAME must be set"),
        ({"AWS_S3_REGION_NAME": ""}, "AWS_S3_REGION_NAME must be set"),
        ({"AWS_ACCESS_KEY_ID": "id"}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together"),
        ({"AWS_S3_ENDPOINT_URL": "minio:9000"}, "AWS_S3_ENDPOINT_URL must begin with"),
        ({"AWS_S3_ADDRESSING_STYLE": "paths"}, "AWS_S3_ADDRESSING_STYLE must be one of"),
    ],
)
def test_a_store_that_is_half_configured_is_refused(tmp_path: Path, wrong: dict[str, str], says: str) -> None:
    assert says in refusal(tmp_path, **PRODUCTION, **BUCKET | wrong)


def test_a_store_is_refused_where_its_libraries_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "is_installed", lambda name: False)
    monkeypatch.setenv("MEDIA_STORAGE", "s3")

    with pytest.raises(ImproperlyConfigured, match=r"requirements-s3\.txt"):
        stores.media_storage()


def test_rate_limits_are_overridden_tier_by_tier(tmp_path: Path) -> None:
    shown = started(tmp_path, RATE_LIMITS="starter=5")

    assert shown["RATE_LIMITS"] == {"starter": 5, "professional": 300, "enterprise": 1200}


def test_files_have_the_limits_of_the_contract_and_each_can_be_another(tmp_path: Path) -> None:
    limits = {
        "IMAGE_MAX_BYTES": 20_000_000,
        "IMAGE_MAX_PIXELS": 50_000_000,
        "VIDEO_MAX_BYTES": 1_000_000_000,
        "DOCUMENT_MAX_BYTES": 100_000_000,
        "POST_MAX_FILES": 35,
    }

    usual = started(tmp_path)
    changed = started(tmp_path, **{name: str(limit + 1) for name, limit in limits.items()})

    assert {name: usual[name] for name in limits} == limits
    assert {name: changed[name] for name in limits} == {name: limit + 1 for name, limit in limits.items()}


SIZES = ("IMAGE_MAX_BYTES", "VIDEO_MAX_BYTES", "DOCUMENT_MAX_BYTES", "IMAGE_MAX_PIXELS", "POST_MAX_FILES")
HOSTS = "ALLOWED_HOSTS must be names of hosts, without https:// and port, joined by commas"
PROXIES = "TRUSTED_PROXIES must be addresses and networks such as 10.0.0.0/8, joined by commas"
LIMITS = "RATE_LIMITS must be tier=number, joined by commas, the tiers among starter, professional, enterprise"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TRUSTED_PROXIES", "10.0.0.1,proxy", f"{PROXIES}: proxy is neither."),
        ("TRUSTED_PROXIES", "10.0.0.0/33", f"{PROXIES}: 10.0.0.0/33 is neither."),
        ("ALLOWED_HOSTS", "example.com,https://example.com", f"{HOSTS}: https://example.com is none."),
        ("ALLOWED_HOSTS", "example.com:8000", f"{HOSTS}: example.com:8000 is none."),
        ("WEB_WORKERS", "0", "WEB_WORKERS must be at least 1."),
        ("WEB_THREADS", "0", "WEB_THREADS must be at least 1."),
        ("WORKER_THREADS", "0", "WORKER_THREADS must be at least 1."),
        ("WORKER_THREADS", "many", "WORKER_THREADS cannot be read: many is no whole number."),
        ("PORT", "99999", "PORT must be 1 to 65535."),
        ("PORT", "0", "PORT must be 1 to 65535."),
        *((name, "-1", f"{name} must be at least 0.") for name in SIZES),
        ("KEEP_SNAPSHOTS_DAYS", "35", "KEEP_SNAPSHOTS_DAYS must be at least 36."),
        ("REDIS_TIMEOUT", "50ms", "REDIS_TIMEOUT cannot be read: 50ms is no number."),
        ("REDIS_TIMEOUT", "0", "REDIS_TIMEOUT must be more than 0."),
        ("ENGINE_SPEED", "nan", "ENGINE_SPEED must be more than 0."),
        ("INSTAGRAM_PRODUCT", "facebok", "INSTAGRAM_PRODUCT must be empty or facebook."),
        ("TWITTER_PRODUCT", "premium", "TWITTER_PRODUCT must be empty."),
        ("REDIS_URL", "redis://127.0.0.1:6379/zero", "REDIS_URL must be redis://:password@host:port/number, "),
        ("REDIS_URL", "127.0.0.1:6379", "REDIS_URL must be redis://:password@host:port/number, "),
        *(
            ("CELERY_BROKER_URL", given, "CELERY_BROKER_URL must be redis://:password@host:port/number, ")
            for given in ("localhost:6379/9", "redis", "amqp://guest@127.0.0.1//")
        ),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", "OTEL_EXPORTER_OTLP_ENDPOINT must be an address such as "),
        ("SYNC_THREADS", "-1", "SYNC_THREADS must be at least 0."),
        ("DELIVERY_THREADS", "-1", "DELIVERY_THREADS must be at least 0."),
        ("RATE_LIMITS", "starter=abc", LIMITS),
        ("RATE_LIMITS", "starter=0", LIMITS),
        ("RATE_LIMITS", "gold=5", LIMITS),
        ("RATE_LIMITS", "5", LIMITS),
        ("RATE_LIMITS", "starter=5=6", LIMITS),
    ],
)
def test_a_setting_that_would_stop_a_process_is_named(tmp_path: Path, name: str, value: str, says: str) -> None:
    assert says in refusal(tmp_path, **{name: value})


def test_no_threads_for_webhooks_and_numbers_and_proxies_as_people_write_them_are_taken(tmp_path: Path) -> None:
    shown = started(tmp_path, SYNC_THREADS="0", DELIVERY_THREADS="0", TRUSTED_PROXIES="10.0.0.1/8, ::1")

    assert (shown["SYNC_THREADS"], shown["DELIVERY_THREADS"]) == (0, 0)
    assert shown["TRUSTED_PROXIES"] == ["10.0.0.1/8", "::1"]


@pytest.mark.parametrize("token", ["$ecret-token", "$PATH", r"a\$b$", "'quoted'"])
def test_a_value_is_taken_as_it_is_written(tmp_path: Path, token: str) -> None:
    assert started(tmp_path, METRICS_TOKEN=token)["METRICS_TOKEN"] == token


def test_names_of_hosts_as_people_write_them(tmp_path: Path) -> None:
    shown = started(tmp_path, ALLOWED_HOSTS="example.com, .example.org, 10.0.0.11, [::1],")

    assert shown["ALLOWED_HOSTS"] == ["example.com", ".example.org", "10.0.0.11", "[::1]"]
    assert started(tmp_path, ALLOWED_HOSTS="*")["ALLOWED_HOSTS"] == ["*"]


EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text()
NAMES = set(re.findall(r"^# ([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)) - {"OUIPOST_HOME", "CELERY_BROKER_URL"}


@pytest.mark.parametrize("given", [{}, PRODUCTION], ids=["embedded", "production"])
@pytest.mark.parametrize("blank", ["", " "], ids=["empty", "space"])
def test_a_setting_that_is_left_blank_has_its_default(tmp_path: Path, given: dict[str, str], blank: str) -> None:
    assert len(NAMES) > 90

    assert settings_of(tmp_path, **dict.fromkeys(NAMES, blank) | given) == settings_of(tmp_path, **given)


def settings_of(home: Path, **variables: str) -> dict[str, object]:
    """Return the settings but those of the theme, which hold functions."""
    return started(home, **variables) | {"UNFOLD": None}


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1", "rediss://me:word@redis.example:6380/3?ssl_ca_certs=/ca.pem", "unix:///run/r.sock?db=2"],
)
def test_addresses_of_redis_which_is_the_broker_unless_another_or_none_is_named(tmp_path: Path, url: str) -> None:
    started_with = [
        started(tmp_path, REDIS_URL=url),
        started(tmp_path, REDIS_URL="redis://redis.example", CELERY_BROKER_URL=url),
        started(tmp_path, REDIS_URL=url, CELERY_BROKER_URL=""),
    ]

    assert [(each["REDIS_URL"], each["CELERY_BROKER_URL"]) for each in started_with] == [
        (url, url),
        ("redis://redis.example", url),
        (url, ""),
    ]


def test_a_network_takes_its_registration_from_the_environment(tmp_path: Path) -> None:
    shown = started(tmp_path, FACEBOOK_CLIENT_ID="id", FACEBOOK_CLIENT_SECRET="word", FACEBOOK_API_VERSION="v27.0")

    networks = shown["NETWORKS"]
    assert isinstance(networks, dict)
    assert networks["facebook"] == {"client_id": "id", "client_secret": "word", "version": "v27.0", "product": ""}
    assert networks["twitter"] == {"client_id": "", "client_secret": "", "version": "", "product": ""}
    assert len(networks) == 9


def test_an_app_on_trial_posts_slower_and_reads_less_so_that_its_day_has_requests_for_both(tmp_path: Path) -> None:
    own = {"PINTEREST_PRODUCT": "trial", "PINTEREST_PACE": "9/60", "PINTEREST_READ_BUDGET": "8/60"}

    started_with = [started(tmp_path, **variables) for variables in ({}, {"PINTEREST_PRODUCT": "trial"}, own)]

    names = ("NETWORK_PACE", "NETWORK_READ_BUDGET")
    assert [tuple(of_pinterest(each, name) for name in names) for each in started_with] == [
        ("Allowance(most=100, seconds=60)", "Allowance(most=100, seconds=60)"),
        ("Allowance(most=300, seconds=86400)", "Allowance(most=300, seconds=86400)"),
        ("Allowance(most=9, seconds=60)", "Allowance(most=8, seconds=60)"),
    ]


def of_pinterest(shown: dict[str, object], name: str) -> object:
    by_network = shown[name]
    assert isinstance(by_network, dict)
    return by_network["pinterest"]


def test_a_form_of_the_log_that_is_none_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, LOG_FORMAT="xml").endswith("LOG_FORMAT must be text or json.")


def test_what_watches_is_not_even_loaded_where_it_is_off(tmp_path: Path) -> None:
    assert started(tmp_path)["loaded"] == []


@pytest.mark.parametrize(
    ("name", "value", "module"),
    [
        ("SENTRY_DSN", "https://key@sentry.example/1", "sentry_sdk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "opentelemetry"),
    ],
)
def test_what_watches_says_what_to_install_where_its_package_is_missing(
    tmp_path: Path, name: str, value: str, module: str
) -> None:
    said = refusal(tmp_path, MISSING=module, **{name: value})

    assert name in said
    assert said.endswith("missing: pip install -r requirements-observability.txt")


def test_an_address_of_sentry_that_is_none_is_refused_without_it(tmp_path: Path) -> None:
    said = refusal(tmp_path, SENTRY_DSN="https://no-project-of-mine")

    assert said.endswith("SENTRY_DSN cannot be read: it is https://KEY@HOST/PROJECT.")
