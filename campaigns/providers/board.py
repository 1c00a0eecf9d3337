"""The providers of each channel as their page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.channels.kinds import Kind
from campaigns.channels.opening import SIMULATOR, ensure_environment, is_named, ways
from campaigns.channels.registry import KINDS
from campaigns.models import Medium, Provider
from campaigns.providers.connections import place_of
from crm_suite.lib.days import today_in

STATES: dict[str, tuple[str | Promise, str]] = {
    "in_use": (_("in use"), "good"),
    "standing_by": (_("standing by"), ""),
    "simulator": (_("simulator"), "doubt"),
    "stands_back": (_("simulator, standing back"), ""),
    "blocked": (_("blocked"), "bad"),
    "off": (_("switched off"), ""),
    "unnamed": (_("no longer named"), ""),
}


@dataclass(frozen=True)
class Line:
    """One provider. `today`: messages given to it on the present day of its own time zone."""

    provider: Provider
    kind: Kind | None
    state: str
    place: str
    setting: str
    today: int

    @property
    def label(self) -> str | Promise:
        return STATES[self.state][0]

    @property
    def tone(self) -> str:
        return STATES[self.state][1]

    @property
    def is_full(self) -> bool:
        ceiling = self.provider.daily_ceiling
        return ceiling is not None and self.today >= ceiling


@dataclass(frozen=True)
class Board:
    """One channel with its providers in their order."""

    channel: str
    label: str
    setting: str
    lines: Sequence[Line]

    @property
    def is_stuck(self) -> bool:
        """There are providers, and none may carry anything now."""
        return bool(self.lines) and not any(line.state in ("in_use", "simulator") for line in self.lines)


def boards() -> list[Board]:
    """E-mail and SMS: the channels that providers carry."""
    ensure_environment()
    found: dict[str, list[Provider]] = {Medium.EMAIL: [], Medium.SMS: []}
    for provider in Provider.objects.select_related("pace").order_by("rank", "id"):
        found.setdefault(provider.channel, []).append(provider)
    settings = {way.channel: way.setting for way in ways().values()}
    return [
        Board(str(channel), str(Medium(channel).label), settings.get(str(channel), ""), lines_of(rows))
        for channel, rows in found.items()
    ]


def lines_of(rows: Sequence[Provider]) -> list[Line]:
    """The rows of one channel in their order, each with its state."""
    real = any(row.kind != SIMULATOR and row.is_active and is_named(row) for row in rows)
    lines: list[Line] = []
    for row in rows:
        taken = any(line.state in ("in_use", "simulator") for line in lines)
        lines.append(_line(row, _state(row, taken=taken, real=real)))
    return lines


def line_of(provider: Provider) -> Line:
    """One provider, judged beside the others of its channel."""
    rows = list(Provider.objects.select_related("pace").filter(channel=provider.channel).order_by("rank", "id"))
    return next(line for line in lines_of(rows) if line.provider.pk == provider.pk)


def _state(row: Provider, *, taken: bool, real: bool) -> str:
    if not is_named(row):
        return "unnamed"
    if not row.is_active:
        return "off"
    if row.blocked_at is not None:
        return "blocked"
    if row.kind == SIMULATOR:
        return "stands_back" if real or taken else "simulator"
    return "standing_by" if taken else "in_use"


def _line(row: Provider, state: str) -> Line:
    setting = ways()[row.code].setting if row.from_environment else ""
    return Line(row, KINDS.get(row.kind), state, place_of(row), setting, _today(row))


def _today(row: Provider) -> int:
    pace = getattr(row, "pace", None)
    return pace.given if pace is not None and pace.day == today_in(row.timezone) else 0
