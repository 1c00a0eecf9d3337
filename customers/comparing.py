"""Two customers side by side, for whoever decides whether they are one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from crm_suite.lib.masking import mask_name
from crm_suite.lib.money import show
from customers.duplicates import REASONS
from customers.models import Customer, CustomerFacts, DuplicatePair, Identity, Platform

#: Keys of one customer that are shown.
KEYS = 5

#: A row of the comparison as shown, beside what it is compared by.
Cell = tuple[str, object]


@dataclass(frozen=True)
class Line:
    """One feature of both, as everybody may see it: addresses are masked. `is_same` compares what is behind them."""

    label: str
    first: str
    second: str
    is_same: bool


@dataclass(frozen=True)
class Comparison:
    """Two customers line by line. `keep` is the number of the one with more orders, else of the older one."""

    first: Customer
    second: Customer
    lines: list[Line]
    keep: int


def with_both(pairs: QuerySet[DuplicatePair]) -> QuerySet[DuplicatePair]:
    """Pairs with all that a comparison reads, in five queries whatever their number."""
    keys = Identity.objects.order_by("kind", "id")
    prefetched = [Prefetch(f"{side}__identities", queryset=keys) for side in ("first", "second")]
    return pairs.select_related("first__facts", "second__facts").prefetch_related(*prefetched)


def compare(first: Customer, second: Customer) -> Comparison:
    """The lines in which at least one of them has something."""
    rows = zip(_labels(), _cells(first), _cells(second), strict=True)
    lines = [
        Line(label, one[0] or "—", other[0] or "—", bool(one[1]) and one[1] == other[1])
        for label, one, other in rows
        if one[0] or other[0]
    ]
    lines.append(_keys(first, second))
    weight = {customer.pk: (_facts(customer).orders, -customer.pk) for customer in (first, second)}
    return Comparison(first, second, lines, keep=max(weight, key=lambda pk: weight[pk]))


def reasons_of(pair: DuplicatePair) -> list[str | Promise]:
    """Why a pair is proposed, in words."""
    return [REASONS.get(reason, reason) for reason in pair.reasons]


def _facts(customer: Customer) -> CustomerFacts:
    return getattr(customer, "facts", None) or CustomerFacts(customer=customer)


def _labels() -> list[str]:
    return [
        _("Full name"), _("Phone"), _("E-mail"), _("Place"), _("Birthday"), _("Platforms"), _("Paid orders"),
        _("Net amount"), _("Last purchase"), _("Known since"),
    ]  # fmt: skip


def _cells(customer: Customer) -> list[Cell]:
    facts = _facts(customer)
    place = ", ".join(filter(None, [customer.city, customer.country]))
    born = f"{customer.birthday:%m-%d}" if customer.birthday else ""
    platforms = ", ".join(str(Platform(code).label) for code in facts.platforms if code in Platform)
    # Figures and days differ between rows of one person: they are shown and not compared.
    return [
        (customer.name, customer.name.strip().lower()), (customer.masked_phone, customer.phone),
        (customer.masked_email, customer.email.lower()), (place, place), (born, customer.birthday),
        (platforms, None), (str(facts.orders) if facts.orders else "", None),
        (show(facts.net_amount, facts.book[:3]) if facts.orders else "", None),
        (str(facts.last_paid_on or ""), None), (f"{customer.created_at:%Y-%m-%d}", None),
    ]  # fmt: skip


def _keys(first: Customer, second: Customer) -> Line:
    both = list(first.identities.all()), list(second.identities.all())
    nicks = [{key.value for key in keys} for keys in both]
    texts = [", ".join(_key(key) for key in keys[:KEYS]) + (" …" if len(keys) > KEYS else "") for keys in both]
    return Line(_("Known by"), texts[0] or "—", texts[1] or "—", bool(nicks[0] & nicks[1]))


def _key(key: Identity) -> str:
    where = key.scope if key.kind == Identity.Kind.PLATFORM else str(key.get_kind_display())
    return f"{where}: {key.masked}"


def export_rows(pairs: Sequence[DuplicatePair], *, clear: bool) -> list[list[object]]:
    """A row per pair for the CSV, addresses masked, and names unless `clear`."""
    shown = str if clear else mask_name
    return [
        [
            pair.first_id, shown(pair.first.name), pair.first.masked_phone, pair.first.masked_email,
            pair.second_id, shown(pair.second.name), pair.second.masked_phone, pair.second.masked_email,
            " · ".join(str(reason) for reason in reasons_of(pair)), pair.score,
        ]
        for pair in pairs
    ]  # fmt: skip


def export_header() -> list[str]:
    side = [_("Number"), _("Full name"), _("Phone"), _("E-mail")]
    return [*side, *side, _("They share"), _("Score")]
