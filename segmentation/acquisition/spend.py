"""Verbs and questions of recorded spend."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import BadInput
from customers.books import book_of
from segmentation.acquisition.costs import Days, Spend
from segmentation.acquisition.prices import PriceModel
from segmentation.models import SpendEntry

Kind = SpendEntry.Kind

#: What each kind asks for: field → its label. Only these are kept.
FIELDS: Mapping[str, Mapping[str, str | Promise]] = {
    Kind.FIXED: {
        "price": gettext_lazy("Price of the whole"), "quantity": gettext_lazy("Visitors"),
        "conversion": gettext_lazy("Conversion"),
    },
    Kind.CPC: {
        "price": gettext_lazy("Price per click"), "quantity": gettext_lazy("Clicks"),
        "conversion": gettext_lazy("Conversion"),
    },
    Kind.CPM: {
        "price": gettext_lazy("Price per thousand views"), "quantity": gettext_lazy("Views"),
        "click_rate": gettext_lazy("Click rate"), "conversion": gettext_lazy("Conversion"),
    },
    Kind.COMMISSION: {"rate": gettext_lazy("Commission rate")},
}  # fmt: skip
OWN_FIELDS = ("price", "quantity", "rate", "click_rate", "conversion")
SHARES = ("rate", "click_rate", "conversion")
NEEDED = {Kind.COMMISSION: "rate"}
LONGEST_DAYS = 3_660
MOST_ENTRIES = 5_000


def entries_of(book: str) -> QuerySet[SpendEntry]:
    """The book's entries, the latest first."""
    return SpendEntry.objects.filter(book=book).select_related("created_by").order_by("-last_day", "-id")


def spends_in(book: str, days: Days) -> list[Spend]:
    """Entries that touch these days, as the calculators read them."""
    found = entries_of(book).filter(first_day__lte=days.last, last_day__gte=days.first)
    return [spend_of(entry) for entry in found[:MOST_ENTRIES]]


def spend_of(entry: SpendEntry) -> Spend:
    return Spend(entry.source.lower(), Days(entry.first_day, entry.last_day), model_of(entry))


def model_of(entry: SpendEntry) -> PriceModel:
    return PriceModel(entry.kind, **{name: getattr(entry, name) for name in OWN_FIELDS})


@transaction.atomic
def save_spend(*, entry: SpendEntry, by: User | None = None) -> SpendEntry:
    """Write a new or changed entry, recorded. What its kind does not ask for is emptied.

    Raises BadInput, with the field in `extra`, where a figure is missing or cannot be.
    """
    entry.source = " ".join(entry.source.split())
    for name in OWN_FIELDS:
        if name not in FIELDS.get(entry.kind, {}):
            setattr(entry, name, None)
    _check(entry)
    is_new = entry.pk is None
    if is_new:
        entry.created_by = by
    entry.save()
    audit(action="spend.add" if is_new else "spend.edit", actor=by, target=f"spend:{entry.pk}", changes=_told(entry))
    return entry


@transaction.atomic
def delete_spend(*, entry: SpendEntry, by: User | None = None) -> None:
    audit(action="spend.delete", actor=by, target=f"spend:{entry.pk}", changes=_told(entry))
    entry.delete()


def _told(entry: SpendEntry) -> dict[str, Any]:
    """The entry as the audit record keeps it."""
    figures = {name: getattr(entry, name) for name in FIELDS[entry.kind]}
    told = {"book": entry.book, "source": entry.source, "kind": str(entry.kind)}
    days = {"first_day": entry.first_day.isoformat(), "last_day": entry.last_day.isoformat()}
    return {**told, **days, **{name: str(value) for name, value in figures.items() if value is not None}}


def _check(entry: SpendEntry) -> None:
    if entry.kind not in Kind.values:
        raise _bad("kind", _("Choose how it was paid."))
    if book_of(entry.book) is None:
        raise _bad("book", _("There is no such store."))
    if not entry.source:
        raise _bad("source", _("Say where the customers came from."))
    _check_days(entry)
    needed = NEEDED.get(Kind(entry.kind), "price")
    if getattr(entry, needed) is None:
        raise _bad(needed, _("This kind of spend needs this figure."))
    if entry.price is not None and not 0 <= entry.price < Decimal(10) ** 14:
        raise _bad("price", _("A price is not negative."))
    if entry.quantity is not None and not 0 < entry.quantity < 2**63:
        raise _bad("quantity", _("More than none."))
    for name in SHARES:
        value = getattr(entry, name)
        if value is not None and not 0 < value <= 1:
            raise _bad(name, _("More than 0 and at most 100 %."))


def _check_days(entry: SpendEntry) -> None:
    if entry.last_day < entry.first_day:
        raise _bad("last_day", _("The last day comes before the first."))
    if (entry.last_day - entry.first_day).days >= LONGEST_DAYS:
        raise _bad("last_day", _("At most ten years."))


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_spend", extra={"field": field})
