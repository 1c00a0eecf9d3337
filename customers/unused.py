"""Customers whom an import brought and who have nothing: they go when the import is taken back."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, QuerySet

from crm_suite.access.models import AuditEvent
from customers.locks import hold_merging
from customers.models import Customer, CustomerTag, DuplicatePair, Identity, Membership, PointsEntry, WeakKey

BATCH = 1_000


def remove_unused(*, import_id: int) -> int:
    """Remove customers who were made with a key from this import, unless anything in any room is about them.

    Orders, contacts, messages, consents, notes, points, communities, segments, work by hand: each keeps its customer.
    What is only derived from orders does not. Returns how many were removed.
    """
    source = f"import {import_id}"
    # Made in one transaction, the customer and the key bear the same time.
    made = Identity.objects.filter(source=source, created_at=F("customer__created_at"))
    ids = sorted(set(made.values_list("customer_id", flat=True)))
    removed = 0
    for start in range(0, len(ids), BATCH):
        removed += _remove(ids[start : start + BATCH], source, import_id)
    return removed


@transaction.atomic
def _remove(ids: Sequence[int], source: str, import_id: int) -> int:
    hold_merging()  # whoever found one of them by a key writes for them until its commit
    here = Customer.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk", flat=True)
    people = Customer.objects.filter(pk__in=set(here) - _edited(ids), note="")
    unused = list(_unused(people, source, import_id).values_list("pk", flat=True))
    Customer.objects.filter(pk__in=unused).delete()
    return len(unused)


def _edited(ids: Sequence[int]) -> set[int]:
    """Those whose name, address or city somebody has put right: only the record of it says so."""
    targets = [f"customer:{pk}" for pk in ids]
    edits = AuditEvent.objects.filter(action="customer.edit", target__in=targets)
    return {int(target.removeprefix("customer:")) for target in edits.values_list("target", flat=True)}


def _unused(people: QuerySet[Customer], source: str, import_id: int) -> QuerySet[Customer]:
    """Those of whom no table says anything that the import, or orders that are gone, have not said."""
    own: dict[type[Model], dict[str, object]] = {
        Identity: {"source": source},
        WeakKey: {"source": source},
        CustomerTag: {"import_id": import_id},
        Membership: {"points": 0, "tier": None},
        PointsEntry: {"order_id__isnull": False},
        DuplicatePair: {"state": DuplicatePair.State.OPEN},
    }
    for relation in Customer._meta.related_objects:
        model = relation.related_model
        if isinstance(model, str) or getattr(model, "is_derived", False):
            continue
        rows = model._base_manager.filter(**{relation.field.name: OuterRef("pk")})
        people = people.filter(~Exists(rows.exclude(**own[model]) if model in own else rows))
    return people
