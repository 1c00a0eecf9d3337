"""Who passes a bound within seven days unless they buy."""

from django.db.models import QuerySet

from customers.models import CustomerFacts, Stage
from segmentation.selectors import Crossing

#: The stages from which each bound is passed.
_BEFORE = {
    "p30": (Stage.NEW, Stage.ACTIVE),
    "p60": (Stage.SILENT,),
    "p90": (Stage.DORMANT,),
}


def people(book: str, one: Crossing) -> QuerySet[CustomerFacts]:
    """The customers that `one.n` counts, by the facts of the run in force (index on book, stage, last purchase)."""
    facts = CustomerFacts.objects.filter(book=book, stage__in=_BEFORE[one.bound])
    return facts.filter(last_paid_on__range=(one.first, one.last)).select_related("customer")
