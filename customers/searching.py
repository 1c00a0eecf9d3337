"""Finding people by what somebody types: a phone, an e-mail, a platform name, a customer number, a name.

Every condition here is served by an index, for the box of the top bar answers between two key strokes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import IntegerField, Q, QuerySet, Value
from django.db.models.functions import Upper

from crm_suite.lib.letters import Letters
from customers.models import Customer, Identity
from customers.normalforms import normal_email, normal_phone

#: People whom a key may find before their names are looked at.
MANY = 200
#: Shorter texts may be a phone, but also a customer's number.
WHOLE = 10
#: What the trigrams of an index can find within a text; shorter ones only at its beginning.
TRIGRAM = 3


def search(people: QuerySet[Customer], text: str, *, by_parts: bool) -> QuerySet[Customer]:
    """Those whose phone, e-mail, platform name or number is `text`, or whose name contains it.

    Names of less than three Latin letters are found by their beginning only. The last four digits of a phone find it
    too: the mask shows them. With `by_parts` any part of a phone or e-mail does; without, whoever may only see masked
    addresses could find out the hidden part by trying.
    """
    text = text.strip()
    found = Q(pk__in=_ids_by_key(text)) | _within_name(text)
    for part in _parts(text, by_parts=by_parts):
        found |= part
    return people.alias(letters=LETTERS).filter(found)


@dataclass(frozen=True)
class Hit:
    """Somebody found; `is_exact` where one of their keys is what was typed."""

    customer: Customer
    is_exact: bool


def find(text: str, *, by_parts: bool, limit: int) -> list[Hit]:
    """Up to `limit` people for the search box, with their facts: exact keys first, then names, then parts of
    addresses. Says the same as `search` of everybody, in at most five queries; but who types a whole phone or e-mail
    that somebody has means them, and nobody whose address only contains it."""
    exact = _ids_by_key(text)
    ids = list(exact)
    if exact and len(text) >= WHOLE and (normal_phone(text) or normal_email(text)):
        limit = min(limit, len(exact))
    if len(ids) < limit:
        ids += _ids(_by_name(text, limit), known=ids)
    if len(ids) < limit and (parts := _parts(text, by_parts=by_parts)):
        ids += _ids([_present().filter(part)[:limit] for part in parts], known=ids)
    people = _present().select_related("facts").in_bulk(ids)
    return [Hit(people[pk], pk in exact) for pk in ids if pk in people][:limit]


def _ids_by_key(text: str) -> list[int]:
    """Customers one of whose keys is exactly this text, in any of its spellings; the one of this number first."""
    phone, email = normal_phone(text), normal_email(text)
    keys = Q(value__in={text, text.lower()})
    contacts = Q()
    if phone:
        keys |= Q(kind=Identity.Kind.PHONE, value=phone)
        contacts |= Q(phone=phone)
    if email:
        keys |= Q(kind=Identity.Kind.EMAIL, value=email)
        contacts |= Q(email__iexact=email)
    ids = [int(text)] if text.isdecimal() and len(text) < 10 else []
    ids += Identity.objects.filter(keys).order_by().values_list("customer_id", flat=True)[:MANY]
    if contacts:
        ids += _present().filter(contacts).values_list("pk", flat=True)[:MANY]
    return list(dict.fromkeys(ids))


def _present() -> QuerySet[Customer]:
    """Everybody, in no order: an order would lead the planner down the primary key instead of to the text."""
    return Customer.objects.present().order_by()


def _parts(text: str, *, by_parts: bool) -> list[Q]:
    """Conditions on parts of addresses, as far as they give away nothing that is masked."""
    digits = "".join(char for char in text if char.isdigit())
    found = [Q(email__icontains=text)] if by_parts and text.isascii() and len(text) >= TRIGRAM else []
    if len(digits) >= 4 and len(digits) >= len(text) - 4 and (by_parts or len(digits) == 4):
        found.append(Q(phone__contains=digits) if by_parts else Q(phone__endswith=digits))
    return found


LETTERS = Letters(Upper("name"))


def _within_name(text: str) -> Q:
    """On people with `letters`: the name contains the text, or begins with it where that is all an index can find."""
    if not text.isascii():
        found = Q(letters__contains=sorted(set(text.upper())), name__icontains=text)
        return found & Q(name__regex=Letters.BEYOND_ASCII)
    return Q(name__icontains=text) if len(text) >= TRIGRAM else Q(name__istartswith=text)


def _by_name(text: str, limit: int) -> list[QuerySet[Customer]]:
    """The name is the text, begins with it, contains it: each at most `limit` people, so that none is a long walk."""
    people = _present().alias(letters=LETTERS).filter(_within_name(text))
    within = () if text.isascii() and len(text) < TRIGRAM else ("icontains",)
    return [people.filter(**{f"name__{how}": text})[:limit] for how in ("iexact", "istartswith", *within)]


def _ids(ranked: Sequence[QuerySet[Customer]], *, known: Iterable[int]) -> list[int]:
    """Numbers of the people of these queries, asked at once, in the order of the queries; without those known."""
    placed = [people.annotate(place=Value(place, IntegerField())) for place, people in enumerate(ranked)]
    asked = [people.values_list("place", "pk") for people in placed]
    found = sorted(asked[0].union(*asked[1:], all=True))
    return list(dict.fromkeys(pk for _place, pk in found if pk not in set(known)))
