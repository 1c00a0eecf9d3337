"""Books: shops that are measured together, and the one that a person is looking at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count
from django.http import HttpRequest
from django.utils.translation import gettext as _

from customers.models import CustomerFacts, Shop

SESSION_KEY = "book"


@dataclass(frozen=True)
class Book:
    """Shops with one currency, one set of RFM cuts and one set of lifecycle bounds."""

    code: str
    label: str
    currency: str
    timezone: str
    is_demo: bool
    shop_ids: tuple[int, ...]


def books() -> list[Book]:
    """Every book that has a shop: real ones first, then by code. Its zone is that of its oldest shop."""
    shops = Shop.objects.order_by("book", "id")
    found = [_book(code, list(members)) for code, members in groupby(shops, key=lambda shop: shop.book)]
    return sorted(found, key=lambda book: (book.is_demo, book.code))


def _book(code: str, shops: Sequence[Shop]) -> Book:
    first = shops[0]
    label = first.name if len(shops) == 1 else _("%(book)s · %(count)s shops") % {"book": code, "count": len(shops)}
    return Book(
        code=code,
        label=label,
        currency=first.currency,
        timezone=first.timezone,
        is_demo=all(shop.is_demo for shop in shops),
        shop_ids=tuple(shop.pk for shop in shops),
    )


def book_of(code: str) -> Book | None:
    """The book of this code, or None where no shop has it."""
    shops = list(Shop.objects.filter(book=code).order_by("id"))
    return _book(code, shops) if shops else None


def current_book(request: HttpRequest) -> Book | None:
    """The book that every figure of this page is of: `?book=`, else the person's choice, else the largest real one.

    None while there is no shop at all.
    """
    if not hasattr(request, "_crm_book"):
        request._crm_book = _chosen(request)  # type: ignore[attr-defined]
    found: Book | None = request._crm_book  # type: ignore[attr-defined]
    return found


def _chosen(request: HttpRequest) -> Book | None:
    known = {book.code: book for book in books()}
    for wish in (request.GET.get("book"), request.session.get(SESSION_KEY)):
        if wish in known:
            return known[wish]
    return largest(list(known.values()))


def largest(candidates: Sequence[Book]) -> Book | None:
    """The real book with most customers; a demo book only where there is nothing else."""
    real = [book for book in candidates if not book.is_demo] or list(candidates)
    if len(real) < 2:
        return real[0] if real else None
    sizes = dict(
        CustomerFacts.objects.filter(book__in=[book.code for book in real])
        .values_list("book")
        .annotate(Count("customer"))
        .order_by()
    )
    return max(real, key=lambda book: sizes.get(book.code, 0))


def choose(request: HttpRequest, *, code: str) -> Book | None:
    """Remember the person's choice for their session. None, and no change, where there is no such book."""
    book = book_of(code)
    if book:
        request.session[SESSION_KEY] = code
    return book
