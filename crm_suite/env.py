"""Reads the environment, and refuses nonsense by the name of the variable.

An empty variable counts as unset: compose files and CI systems pass `NAME=` for "not given".
"""

import os
from collections.abc import Collection
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


class EnvironmentProblem(ImproperlyConfigured):
    """A variable holds something that cannot be meant. The text names the variable and what it may hold."""


def text(name: str, default: str = "") -> str:
    """The variable without surrounding blanks, or `default` when it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def boolean(name: str, default: bool) -> bool:
    """True for 1/true/yes/on, False for 0/false/no/off, in any case."""
    value = text(name).lower()
    if value and value not in TRUE | FALSE:
        raise EnvironmentProblem(f"{name} must be 1 or 0, not {value!r}.")
    return value in TRUE if value else default


def integer(name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
    """A whole number from `minimum` to `maximum`, both included."""
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or not minimum <= int(value) <= maximum:
        raise EnvironmentProblem(f"{name} must be a whole number from {minimum} to {maximum}, not {value!r}.")
    return int(value)


def choice(name: str, default: str, allowed: Collection[str]) -> str:
    """One of `allowed`, as written there."""
    value = text(name, default)
    if value not in allowed:
        raise EnvironmentProblem(f"{name} must be one of {', '.join(sorted(allowed))}, not {value!r}.")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A list from text separated by commas or blanks."""
    return text(name, default).replace(",", " ").split()


def folder(name: str, default: Path) -> Path:
    """An absolute path. The folder itself need not exist yet."""
    return Path(text(name, str(default))).expanduser().resolve()


def url(name: str, default: str, *, schemes: Collection[str]) -> str:
    """An address with one of `schemes`, without a trailing slash; empty when unset and `default` is empty."""
    value = text(name, default).rstrip("/")
    if value:
        _split(name, value, schemes)
    return value


def database(name: str, default: str) -> dict[str, object]:
    """Django's DATABASES entry for an address such as postgresql://user:password@host:5432/name?sslmode=require.

    A Unix socket is written as postgresql://user@/name?host=/folder.
    """
    parts = _split(name, text(name, default), {"postgresql", "postgres"})
    options = dict(parse_qsl(parts.query))
    if not parts.path.strip("/"):
        raise EnvironmentProblem(f"{name} must name a database, as in postgresql://user:password@host/name.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def _split(name: str, value: str, schemes: Collection[str]) -> SplitResult:
    expected = " or ".join(sorted(f"{scheme}://…" for scheme in schemes))
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises on a port that is no number
    except ValueError:
        raise EnvironmentProblem(f"{name} must be an address like {expected}.") from None
    # The value itself stays unsaid: it may hold a password.
    if parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
        raise EnvironmentProblem(f"{name} must be an address like {expected}.")
    return parts
