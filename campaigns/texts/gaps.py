"""Before a text goes out: who of the real audience lacks a field that it cannot do without.

The audience is grouped in the database by exactly what the text looks at: fields that it only prints count as there or
missing, those in its conditions by their value. Each group is tried once, so a million people cost one query.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field as kept

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from campaigns.models import Medium
from campaigns.texts.rendering import SAMPLE_FIELDS, Content, RenderProblem, check_template, parse
from crm_suite.lib.days import today_in
from customers.models import CustomerFacts

#: Merge fields that differ between customers, and where they come from.
_COLUMNS = {
    "name": "customer__name", "city": "customer__city", "orders": "orders", "last_purchase_days": "last_paid_on",
}  # fmt: skip
#: Groups tried; a text whose conditions tell more people apart is judged for the largest of them.
MOST_GROUPS = 3_000
EXAMPLES = 3


@dataclass
class Gap:
    """A field without a value where the text needs one. `n`: customers who would get nothing for it."""

    field: str
    n: int = 0
    examples: list[CustomerFacts] = kept(default_factory=list)


@dataclass(frozen=True)
class Gaps:
    """`audience`: members who may be written to in this channel by the facts of the last refresh; `failing`: those of
    them whose copy cannot be written; `unjudged`: those in groups too small and too many to be tried."""

    audience: int
    failing: int
    unjudged: int
    gaps: list[Gap]
    problems: list[str]

    @property
    def share(self) -> float:
        """0–1 of the audience that would get nothing."""
        return self.failing / self.audience if self.audience else 0.0


def gaps_of(
    *, people: QuerySet[CustomerFacts], channel: str, subject: str, body: str, zone: str, format: str = "text"
) -> Gaps:
    """`people`: members of a segment in one book. `zone`: the shop's, on whose clock days are counted."""
    if channel in (Medium.EMAIL, Medium.SMS):
        people = people.filter(**{f"{channel}_ok": True})
    problems = check_template(body, channel=channel, subject=subject, format=format)
    if problems:
        return Gaps(people.count(), 0, 0, [], problems)
    content = parse(channel=channel, subject=subject, body=body, format=format)
    return _Judge(content, people, _in_conditions(subject + body), zone).judged()


def _in_conditions(source: str) -> set[str]:
    """Fields whose value, not only presence, may change what is printed."""
    words = " ".join(re.findall(r"\{%.*?%\}", source, re.S))
    return {name for name in _COLUMNS if re.search(rf"\b{name}\b", words)}


class _Judge:
    def __init__(self, content: Content, people: QuerySet[CustomerFacts], by_value: set[str], zone: str) -> None:
        self.content, self.people, self.by_value, self.zone = content, people, by_value, zone
        parts = [part for part in (content.subject, content.text, content.html) if part is not None]
        asked = {path for part in parts for path in part.global_variable_paths()}
        self.asked = [name for name in _COLUMNS if name in asked]

    def judged(self) -> Gaps:
        gaps = {name: Gap(name) for name in self.asked}
        total = failing = tried = 0
        for row in self._groups()[:MOST_GROUPS]:
            n = int(str(row["n"]))
            tried += n
            blamed = self._blamed(row)
            failing += n if blamed else 0
            for name in blamed:
                gaps[name].n += n
                self._show(gaps[name], row)
        total = self.people.count()
        found = sorted((gap for gap in gaps.values() if gap.n), key=lambda gap: -gap.n)
        return Gaps(total, failing, max(total - tried, 0), found, [])

    def _groups(self) -> QuerySet[CustomerFacts, dict[str, object]]:
        keys = {f"by_{name}": self._key(name) for name in self.asked}
        return self.people.order_by().values(**keys).annotate(n=Count("pk")).order_by("-n")

    def _key(self, name: str) -> Combinable:
        column = _COLUMNS[name]
        if name in self.by_value or name == "orders":
            return F(column) if name in self.by_value else Value(1)
        missing = Q(**{f"{column}__isnull": True}) if name == "last_purchase_days" else Q(**{column: ""})
        return Case(When(missing, then=Value(0)), default=Value(1))

    def _values(self, row: Mapping[str, object]) -> dict[str, object]:
        """Fields of everybody in this group, with a sample where only their presence counts."""
        return {name: self._value(name, row[f"by_{name}"]) for name in self.asked}

    def _value(self, name: str, key: object) -> object:
        if name not in self.by_value:
            return SAMPLE_FIELDS[name] if key else None
        if name == "last_purchase_days" and key is not None:
            return (today_in(self.zone) - key).days  # type: ignore[operator]
        return key

    def _blamed(self, row: Mapping[str, object]) -> list[str]:
        values = self._values(row)
        if self._fits(values):
            return []
        missing = [name for name, value in values.items() if value is None or value == ""]
        filled = values | {name: SAMPLE_FIELDS[name] for name in missing}
        return [name for name in missing if not self._fits(filled | {name: None})] or missing

    def _fits(self, values: Mapping[str, object]) -> bool:
        fixed = {name: value for name, value in SAMPLE_FIELDS.items() if name not in _COLUMNS}
        try:
            self.content.fill(fields={**fixed, **values}, links=self.content.links, signature="x")
        except RenderProblem:
            return False
        return True

    def _show(self, gap: Gap, row: Mapping[str, object]) -> None:
        if len(gap.examples) >= EXAMPLES:
            return
        keys = {f"by_{name}": self._key(name) for name in self.asked}
        same = self.people.annotate(**keys)
        for name, value in row.items():
            if name != "n":
                same = same.filter(Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value}))
        found = same.select_related("customer").order_by("-customer_id")
        gap.examples += found[: EXAMPLES - len(gap.examples)]
