"""How many would fit, by asking some: what the editor shows while the exact count takes longer than people wait.

Customers are drawn at random from all numbers, by the same seed each time: what changes between two estimates is the
rule. Each is asked on their own, so that an answer costs what the drawn ones cost, however many orders there are.
"""

from collections import Counter
from collections.abc import Mapping
from random import Random
from time import monotonic

from django.db.models import Max, Min, Q, QuerySet, Sum

from customers.models import CustomerFacts, Shop
from segmentation.answers import Asked, by_answers
from segmentation.models import LabelTally
from segmentation.walking import one_by_one

#: Customers who are asked at once, and at most.
BATCH, MOST = 500, 20_000
#: With fewer answers the interval would say nothing.
ENOUGH = 100
SEED = 20_260_101


def asked_of_some(people: QuerySet[CustomerFacts], conditions: Mapping[str, Q], *, seconds: float) -> Counter[Asked]:
    """How many of those drawn gave which answers: to the conditions in their order, then e-mail and SMS.

    Drawn until the `seconds` are over and enough were among `people`, who may be one small store of many. Nobody is
    found where hardly anybody is there.
    """
    until, found = monotonic() + seconds, Counter[Asked]()
    with one_by_one():
        for drawn in _batches():
            found.update(by_answers(Q(pk__in=drawn), people, conditions))
            if monotonic() > until and found.total() >= ENOUGH:
                break
    return found


def _batches() -> list[list[int]]:
    ends = CustomerFacts.objects.aggregate(first=Min("pk"), last=Max("pk"))
    numbers = range(ends["first"] or 0, (ends["last"] or 0) + 1)
    drawn = Random(SEED).sample(numbers, min(MOST, len(numbers)))
    return [drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH)]


def everybody(*, book: str, is_demo: bool) -> int:
    """About how many customers a rule asks about, from the tally of labels: nobody is counted."""
    tally = LabelTally.objects.all()
    if book:
        tally = tally.filter(book=book)
    else:
        demo = Q(book__in=Shop.objects.filter(is_demo=True).order_by().values("book"))
        tally = tally.filter(demo) if is_demo else tally.exclude(demo)
    return int(tally.aggregate(n=Sum("customers"))["n"] or 0)
