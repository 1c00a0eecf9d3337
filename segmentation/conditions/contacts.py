"""“Complained in the last 30 days”: what passed between us and a customer."""

from collections.abc import Mapping
from typing import ClassVar

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from segmentation.checks import Clock
from segmentation.conditions.base import Text
from segmentation.conditions.counting import Rows
from segmentation.conditions.rows import Asked, Part, RowCondition
from touchpoints.kinds import ALSO, KINDS
from touchpoints.models import Touchpoint

#: Channels by which most contacts come. A rule may name any.
CHANNELS: Mapping[str, Text] = {
    "shop": _("Shop"), "web": _("Web"), "chat": _("Chat"), "phone": _("Phone"), "email": _("E-mail"),
    "sms": _("SMS"), "community": _("Community"),
}  # fmt: skip


def _kinds() -> Mapping[str, Text]:
    return {code: kind.label for code, kind in KINDS.items()}


def _spellings(kinds: tuple[str, ...]) -> list[str]:
    """A kind has been written by other names too."""
    return [*kinds, *(other for other, kind in ALSO.items() if kind in kinds)]


class _Touchpoints(RowCondition):
    key = "touchpoints"
    label = _("Touchpoints")
    parts: ClassVar[Mapping[str, Part]] = {
        part.code: part
        for part in (
            Part("kind", _("Kind"), "names", _kinds),
            Part("channel", _("Channel"), "names", lambda: CHANNELS),
            Part("stage", _("Journey stage"), "choices", lambda: dict(Touchpoint.Stage.choices)),
        )
    }

    def what(self, asked: Asked) -> str | Promise:
        return _("touchpoints")

    def rows(self, asked: Asked, clock: Clock) -> Rows:
        found = Q()
        if "kind" in asked.filter:
            found &= Q(kind__in=_spellings(asked.filter["kind"]))
        if "channel" in asked.filter:
            found &= Q(channel__in=asked.filter["channel"])
        if "stage" in asked.filter:
            found &= Q(stage__in=asked.filter["stage"])
        if asked.within_days is not None:
            found &= Q(occurred_at__gte=clock.start(clock.back(asked.within_days)))
        return Touchpoint.objects.filter(found).order_by()


TOUCHPOINTS = _Touchpoints()
