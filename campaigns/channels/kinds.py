"""What a kind of provider declares about itself: its settings, what it promises, how its news is read."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from campaigns.channels.base import ChannelAdapter, Event
from crm_suite.lib.errors import DomainError

Words = str | Promise
Idempotency = Literal["key", "lookup", "none"]
#: News signed longer ago than this, or so far in the future, is a replay or a broken clock.
WINDOW = 300  # seconds


@dataclass(frozen=True)
class Field:
    """One thing to fill in. A `secret` is stored encrypted and never shown; `choices` make a list of it."""

    name: str
    label: Words
    help: Words = ""
    secret: bool = False
    required: bool = True
    kind: Literal["text", "number", "url", "long"] = "text"
    choices: tuple[tuple[str, Words], ...] = ()
    default: str = ""
    minimum: int = 1
    maximum: int = 1000


@dataclass(frozen=True)
class Account:
    """A provider as its adapter sees it: `code` names it in the ledger, `callback` is where its news comes in."""

    code: str
    channel: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    callback: str = ""

    def text(self, name: str, default: str = "") -> str:
        """A setting or a secret; `default` where it is empty."""
        return str(self.secrets.get(name) or self.settings.get(name) or default).strip()

    def number(self, name: str, default: int) -> int:
        return int(self.text(name, str(default)))


@dataclass(frozen=True)
class Hook:
    """A call from a provider as it came: header names in lower case, the query string raw, the body as bytes."""

    method: str
    headers: Mapping[str, str]
    query: str
    body: bytes


class HookRefused(DomainError):
    """Not from this provider, too old, or not readable. Nothing of it is kept. Status 401 or 400."""

    def __init__(self, message: str, *, status: int = 401, code: str = "signature") -> None:
        super().__init__(message, code=code)
        self.status = status


@dataclass(frozen=True)
class Kind:
    """One way to speak with a provider. One file in this package each; registry.py lists them.

    `idempotency` and `batch_size` are what holds where the settings say nothing else. `receipts`, `replies`: whether
    the provider tells what became of a message, and what people answer. `approved_text`: it sends approved templates
    only, so that a campaign's text has to fit one. `proof` says how news is known to be genuine. `can_check`: whether
    the connection can be proved without sending anything. `thanks` is the JSON that its news is answered with.
    """

    code: str
    label: Words
    text: Words
    channels: tuple[str, ...]
    open: Callable[[Account], ChannelAdapter]
    place: Callable[[Account], str]
    fields: tuple[Field, ...] = ()
    idempotency: Idempotency = "none"
    batch_size: int = 1
    receipts: bool = False
    replies: bool = False
    approved_text: bool = False
    parse: Callable[[Account, Hook], list[Event]] | None = None
    hook_help: Words = ""
    proof: Words = ""
    thanks: Mapping[str, object] = field(default_factory=dict)
    by_hand: bool = True
    can_check: bool = True

    @property
    def secrets(self) -> tuple[Field, ...]:
        return tuple(one for one in self.fields if one.secret)


def digest_of(item: object) -> str:
    """A name for news that has none of its own: the same words, the same name."""
    return hashlib.sha256(json.dumps(item, sort_keys=True, default=str).encode()).hexdigest()


def fresh(seconds: str) -> None:
    """Raises HookRefused unless this Unix time lies within five minutes of now."""
    try:
        age = time.time() - float(seconds)
    except ValueError:
        age = float("inf")
    if not abs(age) <= WINDOW:  # also NaN
        raise HookRefused(_("The call is older than five minutes, or from the future."), code="stale")


def read_json(body: bytes) -> object:
    """The body as JSON. Raises HookRefused (400)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HookRefused(_("This is not JSON."), status=400, code="unreadable") from error


def items_of(found: object) -> list[dict[str, object]]:
    """A list of objects, or one object as such a list. Raises HookRefused (400)."""
    items = found if isinstance(found, list) else [found]
    if not all(isinstance(item, dict) for item in items):
        raise HookRefused(_("A list of events was expected."), status=400, code="unreadable")
    return items
