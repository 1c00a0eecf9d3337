"""How many customers give which answers to the conditions of a rule: what every part of it adds up from.

A condition on the facts is answered while they are read. One that looks elsewhere is not asked of each customer: those
who fit it are found on their own and taken from the rest, which leaves the database its indexes. Of all customers and
of those who fit some of the conditions, the exact answers follow by inclusion and exclusion. Where all customers are
only asked for labels, the tally of labels knows, and nobody is looked at.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import combinations
from operator import and_
from typing import Any

from django.db.models import Aggregate, BooleanField, Case, Count, Q, QuerySet, Sum, Value, When
from django.db.models.expressions import BaseExpression

from segmentation.models import LabelTally

#: Conditions that are found on their own: with each further one, twice as many counts are needed.
APART = 2
#: Answers of a customer to the conditions that are asked while reading, then whether e-mail and SMS may be sent.
Asked = tuple[bool, ...]
#: Customer facts, or the tally of their labels.
People = QuerySet[Any, Any]


def answered(
    people: People, conditions: Mapping[str, Q], *, tally: QuerySet[LabelTally] | None = None
) -> Iterator[tuple[dict[str, bool], bool, bool, int]]:
    """Answers by name of the condition, whether e-mail and SMS may be sent, and how many customers there are of it.

    `tally`: that of the same people, if there is one. Unknown is no. One transaction must see it all.
    """
    apart = [name for name, asked in conditions.items() if _looks_elsewhere(asked)][:APART]
    inline = {name: asked for name, asked in conditions.items() if name not in apart}
    if tally is None or not all(map(_asks_for_labels, inline.values())):
        everybody = by_answers(Q(), people, inline)
    else:
        everybody = by_answers(Q(), tally, inline, Sum("customers"))
    for fitting, counts in _exactly(people, {name: conditions[name] for name in apart}, inline, everybody).items():
        for (*answers, email, sms), n in counts.items():
            if n:
                yield dict(zip(inline, answers, strict=True)) | {one: one in fitting for one in apart}, email, sms, n


def _exactly(
    people: People, apart: Mapping[str, Q], inline: Mapping[str, Q], everybody: Counter[Asked]
) -> dict[frozenset[str], Counter[Asked]]:
    """Customers who fit these of the conditions apart and none of the others."""
    exact: dict[frozenset[str], Counter[Asked]] = {}
    for chosen in _largest_first(list(apart)):
        asked = [apart[name] for name in chosen]
        found = by_answers(reduce(and_, asked), people, inline) if asked else everybody
        for more, counts in exact.items():
            if chosen < more:
                found.subtract(counts)
        exact[chosen] = found
    return exact


def _largest_first(names: Sequence[str]) -> Iterator[frozenset[str]]:
    for size in range(len(names), -1, -1):
        yield from map(frozenset, combinations(names, size))


def by_answers(chosen: Q, people: People, inline: Mapping[str, Q], size: Aggregate = Count("*")) -> Counter[Asked]:
    """How many of the chosen people answer what to the conditions, in their order."""
    asked = {f"leaf{number}": _yes_or_no(one) for number, one in enumerate(inline.values())}
    rows = people.filter(chosen).order_by().annotate(**asked).values_list(*asked, "email_ok", "sms_ok")
    return Counter({tuple(row[:-1]): int(row[-1]) for row in rows.annotate(n=size)})


def _yes_or_no(asked: Q) -> Case:
    """Unknown is no."""
    return Case(When(asked, then=Value(True)), default=Value(False), output_field=BooleanField())


def _looks_elsewhere(asked: Any) -> bool:
    """Whether a condition needs another table than that of the facts."""
    if isinstance(asked, Q):
        return any(_looks_elsewhere(child) for child in asked.children)
    if isinstance(asked, BaseExpression):
        return True
    return str(asked[0]).startswith("customer__")


def _asks_for_labels(asked: Any) -> bool:
    """Whether a condition on the facts asks for nothing that the tally does not tell apart."""
    if isinstance(asked, Q):
        return all(_asks_for_labels(child) for child in asked.children)
    return isinstance(asked, tuple) and str(asked[0]).partition("__")[0] in LabelTally.LABELS
