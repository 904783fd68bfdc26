"""Reading settings from environment variables: each reader names the variable whose value it cannot take.

A variable whose value is blank is as one that is not set.
"""

import math
import re
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from accounts.platforms.base import Connector
from accounts.platforms.limits import Allowance
from accounts.platforms.shapes import App

FALSE = ("false", "off", "n", "no", "0")
ENCRYPTED = "REQUIRED"
TLS_MODES = (ENCRYPTED, "VERIFY_CA", "VERIFY_IDENTITY")
TLS_FILES = {"ssl_ca", "ssl_cert", "ssl_key"}
HOST = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+\]")
LAST_PORT = 65_535
NUMBERS = {int: "whole number", float: "number"}


class Environment(environ.Env):
    """Reads variables; raises ImproperlyConfigured with the name of one whose value has the wrong type."""

    def get_value(self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, **_options: Any) -> Any:
        """Return a variable's value, or the default if it is blank or not set.

        The library would read a value that begins with $ as another name.
        """
        if not self.ENVIRON.get(var, "").strip():
            return default
        try:
            return self.parse_value(self.ENVIRON[var], cast)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} cannot be read: {error}.") from None

    @classmethod
    def parse_value(cls, value: Any, cast: Any) -> Any:
        if cast is bool and value.lower().strip() not in (*cls.BOOLEAN_TRUE_STRINGS, *FALSE):
            raise ValueError(f"{value} is neither true nor false")
        return _number(value, cast) if cast in NUMBERS else super().parse_value(value, cast)


def _number(value: str, cast: type[int] | type[float]) -> float:
    """Return a number; the library's own cast drops other characters, and reads 50ms as 50."""
    try:
        return cast(value)
    except ValueError:
        raise ValueError(f"{value} is no {NUMBERS[cast]}") from None


env = Environment()


def required(name: str, *, kept_in: Path | None = None) -> str:
    """Return a variable that must be set, or kept in this file; raises ImproperlyConfigured if it is missing."""
    value = env.str(name, default="")
    if not value and kept_in:
        raise ImproperlyConfigured(
            f"{name} is set to nothing, or missing in {kept_in}: bring that file back from a backup. "
            "Without anything stored, remove it: it is made anew."
        )
    if not value:
        raise _missing(name)
    return value


def _missing(name: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} must be set when ENVIRONMENT=production.")


def _address(name: str, default: str) -> str:
    """Return a URL; the error for one that cannot be parsed does not repeat it, since it may hold a password."""
    value = env.str(name, default=default)
    try:
        _ = urlsplit(value).port
    except ValueError:
        message = f"{name} cannot be read: percent-encode special characters in its password, such as / as %2F."
        raise ImproperlyConfigured(message) from None
    return value


def database_address(name: str, default: str) -> str:
    """Return the URL of a database, which is empty only if the default is."""
    value = _address(name, default)
    parts = urlsplit(value)
    is_named = parts.scheme in ("sqlite", "mysql") and parts.path.strip("/") and not parts.fragment
    if value and not (is_named and _has_known_options(parts)):
        raise ImproperlyConfigured(
            f"{name} must be sqlite:///path or mysql://user:password@host:port/name. Behind a ? the latter takes "
            f"ssl_mode={', '.join(TLS_MODES[:-1])} or {TLS_MODES[-1]}, and the files ssl_ca, without which nothing can "
            "be verified, ssl_cert and ssl_key; nothing takes a #."
        )
    return value


def _has_known_options(parts: SplitResult) -> bool:
    """Whether the URL has no query, or one that asks a server for TLS."""
    if not parts.query:
        return True
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode, files = options.pop("ssl_mode", ""), {name for name, path in options.items() if path}
    is_known = mode in TLS_MODES and set(options) == files and files <= TLS_FILES
    return is_known and parts.scheme == "mysql" and (mode == ENCRYPTED or "ssl_ca" in files)


def base_address(name: str, default: str) -> str:
    """Return an http or https address that paths are appended to, without a slash at its end.

    It is empty only if the default is.
    """
    value = _address(name, default).rstrip("/")
    parts = urlsplit(value)
    is_base = parts.scheme in ("http", "https") and parts.hostname and not re.search("[@?#]", value)
    if value and not is_base:
        message = f"{name} must be an address such as https://posts.example.com, without a password, ? and #."
        raise ImproperlyConfigured(message)
    return value


def is_set_to_nothing(name: str) -> bool:
    """Whether a variable is set, and its value is blank."""
    return not env.ENVIRON.get(name, "not set").strip()


def redis_address(name: str, default: str) -> str:
    """Return the URL of a Redis server; it may be empty.

    The library of Redis would read a malformed database number as 0.
    """
    value = _address(name, default)
    parts = urlsplit(value)
    is_server = parts.scheme in ("redis", "rediss") and re.fullmatch("/?|/[0-9]+", parts.path)
    if value and not (is_server or (parts.scheme == "unix" and parts.path)):
        message = f"{name} must be redis://:password@host:port/number, rediss://… or unix:///path?db=number."
        raise ImproperlyConfigured(message)
    return value


def at_least(least: int, name: str, default: int) -> int:
    """Return a whole number; raises ImproperlyConfigured below `least`."""
    value: int = env.int(name, default=default)
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}.")
    return value


def port(name: str, default: int) -> int:
    """Return a port number; raises ImproperlyConfigured if it is not 1 to 65535."""
    value: int = env.int(name, default=default)
    if not 0 < value <= LAST_PORT:
        raise ImproperlyConfigured(f"{name} must be 1 to {LAST_PORT}.")
    return value


def above_zero(name: str, default: float) -> float:
    """Return a number; raises ImproperlyConfigured if it is not more than 0."""
    value: float = env.float(name, default=default)
    if not 0 < value < math.inf:
        raise ImproperlyConfigured(f"{name} must be more than 0.")
    return value


def product(platform: type[Connector]) -> str:
    """Return the product that the app at this network is registered for: `<NETWORK>_PRODUCT`, if there are several."""
    name = f"{platform.id.upper()}_PRODUCT"
    given = env.str(name, default="")
    if given not in ("", *platform.products):
        raise ImproperlyConfigured(f"{name} must be {' or '.join(['empty', *platform.products])}.")
    return given


def hosts(name: str, default: list[str]) -> list[str]:
    """Return a list of host names, addresses and patterns as in Django's ALLOWED_HOSTS.

    Raises ImproperlyConfigured if it names none and has no default.
    """
    given = _listed(name) or default
    if not given:
        raise _missing(name)
    if wrong := next((each for each in given if not HOST.fullmatch(each)), None):
        message = f"{name} must be names of hosts, without https:// and port, joined by commas: {wrong} is none."
        raise ImproperlyConfigured(message)
    return given


def _listed(name: str) -> list[str]:
    return [value for each in env.list(name, default=[]) if (value := each.strip())]


def networks(name: str) -> list[str]:
    """Return a list of IP addresses and networks; host names are refused, since their addresses may change."""
    given = _listed(name)
    for each in given:
        try:
            ip_network(each, strict=False)
        except ValueError:
            message = f"{name} must be addresses and networks such as 10.0.0.0/8, joined by commas: {each} is neither."
            raise ImproperlyConfigured(message) from None
    return given


def rate_limits(defaults: dict[str, int]) -> dict[str, int]:
    """Return the requests a minute of each tier: the defaults, replaced by those in `RATE_LIMITS` (`tier=number,…`)."""
    pairs = [each.partition("=") for each in env.list("RATE_LIMITS", default=[])]
    given = {tier.strip(): limit.strip() for tier, _, limit in pairs}
    for tier, limit in given.items():
        if tier not in defaults or not limit.isdecimal() or not int(limit):
            message = f"RATE_LIMITS must be tier=number, joined by commas, the tiers among {', '.join(defaults)}"
            raise ImproperlyConfigured(f"{message}, and the numbers at least 1.")
    return defaults | {tier: int(limit) for tier, limit in given.items()}


def is_installed(module: str) -> bool:
    """Whether a module can be imported; its parent packages are imported to find out."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def allowance(name: str, what: str, default: Allowance | None) -> Allowance | None:
    """Return the allowance in a variable such as `50/86400`, in `what` per seconds; the default if it is not set."""
    given = env.str(name, default="")
    if not given:
        return default
    most, _, seconds = given.partition("/")
    if not (most.isdecimal() and seconds.isdecimal() and int(most) and int(seconds)):
        raise ImproperlyConfigured(f"{name} must be {what}/seconds, such as 50/86400.")
    return Allowance(most=int(most), seconds=int(seconds))


def limits(platform: type[Connector]) -> dict[str, float]:
    """Return limits that the operator overrides: `<NETWORK>_LIMITS`, such as `max_images=4,reel.first_comment=900`."""
    name = f"{platform.id.upper()}_LIMITS"
    given: dict[str, float] = {}
    for pair in env.list(name, default=[]):
        key, _, number = pair.partition("=")
        try:
            given[key.strip()] = float(number)
            platform(App(limits=given))
        except (KeyError, ValueError):
            raise ImproperlyConfigured(f"{name} has {pair!r}, which is not a limit of {platform.name}.") from None
    return given
