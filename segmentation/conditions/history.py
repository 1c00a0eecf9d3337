"""“Was active on 1 May”: the stage or value group that a customer had at the end of a day.

`{"was": {"kind": "stage", "value": ["active"], "on": "2026-05-01"}}`
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import In
from django.utils.translation import gettext as _, gettext_lazy

from customers.models import CustomerFacts, Group, Stage
from segmentation import checks
from segmentation.checks import BadRule, Clock, keys_among
from segmentation.conditions.base import Condition, Sketch, Text
from segmentation.models import LabelChange

CHOICES: Mapping[str, Mapping[str, Text]] = {"stage": dict(Stage.choices), "group": dict(Group.choices)}
LABELS: Mapping[str, Text] = {
    "stage": gettext_lazy("Lifecycle stage"),
    "group": gettext_lazy("Value group"),
}


@dataclass(frozen=True)
class AskedLabel:
    kind: str
    value: tuple[str, ...]
    on: date


class _Was(Condition):
    key = "was"
    label = gettext_lazy("Stage or group on a day")

    def parse(self, given: object, path: str) -> AskedLabel:
        known = keys_among(given, {"kind", "value", "on"}, path)
        kind = known.get("kind")
        if not isinstance(kind, str) or kind not in CHOICES:
            raise BadRule(_("this is not one of the choices."), path=f"{path}/kind")
        values = checks.listed(known.get("value"), f"{path}/value")
        for place, value in enumerate(values):
            if value not in CHOICES[kind]:
                raise BadRule(_("this is not one of the choices."), path=f"{path}/value/{place}")
        return AskedLabel(kind, tuple(str(value) for value in values), checks.day(known.get("on"), f"{path}/on"))

    def compile(self, asked: AskedLabel, clock: Clock) -> Q:
        """The newest change until that day led into one of the labels."""
        until = LabelChange.objects.filter(kind=asked.kind, on__lte=asked.on).order_by()
        later = until.filter(customer=OuterRef("customer")).filter(
            Q(on__gt=OuterRef("on")) | Q(on=OuterRef("on"), pk__gt=OuterRef("pk"))
        )
        found = until.filter(~Exists(later), new__in=asked.value, customer=OuterRef("pk"))
        return Q(Exists(found))

    def compile_each(self, asked: AskedLabel, clock: Clock) -> Q:
        newest = _newest(LabelChange.objects.filter(customer=OuterRef("pk")), asked).values("new")[:1]
        return Q(In(Coalesce(Subquery(newest), Value("")), list(asked.value)))  # nothing known is none of them

    def is_dated(self, asked: AskedLabel) -> bool:
        return False

    def say(self, asked: AskedLabel) -> str:
        names = _(", ").join(str(CHOICES[asked.kind][value]) for value in asked.value)
        return _("%(label)s was %(names)s on %(day)s") % {
            "label": LABELS[asked.kind], "names": names, "day": asked.on.isoformat(),
        }  # fmt: skip

    def show(self, asked: AskedLabel, facts: CustomerFacts, clock: Clock) -> str:
        last = _newest(LabelChange.objects.filter(customer=facts.pk), asked).first()
        known = CHOICES[asked.kind].get(last.new, last.new) if last else _("unknown")
        return _("%(label)s on %(day)s: %(name)s") % {
            "label": LABELS[asked.kind], "day": asked.on.isoformat(), "name": known or _("unknown"),
        }  # fmt: skip

    def sketch(self) -> Sketch:
        kinds = [
            {
                "code": code, "label": str(LABELS[code]),
                "choices": [{"code": value, "label": str(label)} for value, label in choices.items()],
            }
            for code, choices in CHOICES.items()
        ]  # fmt: skip
        return {"key": self.key, "label": str(self.label), "shape": "label", "kinds": kinds}


def _newest(changes: QuerySet[LabelChange], asked: AskedLabel) -> QuerySet[LabelChange]:
    """The change in force on that day comes first."""
    return changes.filter(kind=asked.kind, on__lte=asked.on).order_by(F("on").desc(), F("pk").desc())


WAS = _Was()
