"""Orders that a program sends: checked one by one, written by the statements of the import engine."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Shop
from customers.normalforms import HIDDEN, normal_phone, written_email
from orders.importers import staging
from orders.importers.applying import Chunk, apply, kinds_of, prepare
from orders.importers.layout import STAGED, STATE_RANK
from orders.importers.sorting import region_of
from orders.models import Refund

LARGEST_AMOUNT = Decimal("1e12")
STAGE = "orders_upsert"
LAST = "\U0010ffff"  # after every order number


@dataclass(frozen=True)
class LineInput:
    """One product of an order. Without `amount` it is quantity × unit_price, rounded to the currency."""

    quantity: int
    unit_price: Decimal
    sku: str = ""
    name: str = ""
    category: str = ""
    amount: Decimal | None = None


@dataclass(frozen=True)
class RefundInput:
    """Money given back for the order, under the platform's number of the refund."""

    external_id: str
    amount: Decimal
    refunded_at: datetime
    reason: str = ""


@dataclass(frozen=True)
class OrderInput:
    """An order as the platform knows it now. Amounts are in the shop's currency, moments are aware.

    `total_amount` None: the sum of the lines. `paid_amount` None: the total, once `paid_at` is given. Lines and
    refunds are complete where given; leaving them out changes none. A buyer is known by `buyer_id` (unique in the
    shop), else by phone, else by e-mail, else the order is anonymous.
    """

    external_id: str
    placed_at: datetime
    state: str
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    total_amount: Decimal | None = None
    paid_amount: Decimal | None = None
    platform_state: str = ""
    source_updated_at: datetime | None = None
    buyer_id: str = ""
    buyer_name: str = ""
    phone: str = ""
    email: str = ""
    city: str = ""
    country: str = ""
    lines: Sequence[LineInput] = ()
    refunds: Sequence[RefundInput] = ()
    extra: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class RowError:
    """What is wrong with one field: `pointer` such as "lines.0.quantity"."""

    pointer: str
    code: str
    message: str


@dataclass(frozen=True)
class RowResult:
    """What became of the order at `index` of the request: created, updated, unchanged or error."""

    index: int
    external_id: str
    result: str
    errors: list[RowError] = field(default_factory=list)


@transaction.atomic
def upsert(*, shop: Shop, orders: Sequence[OrderInput]) -> tuple[list[RowResult], list[int]]:
    """Results in the order given, and the ids of created and changed orders."""
    errors = _problems(orders, _orders_of_refunds(shop, orders))
    good = {order.external_id: order for index, order in enumerate(orders) if index not in errors}
    outcome: dict[str, str] = {}
    changed: list[int] = []
    if good:
        rows = [row for order in good.values() for row in _rows(order, region_of(shop))]
        staging.drop(STAGE)
        staging.create(STAGE, temporary=True)
        staging.fill(STAGE, _frame(rows))
        chunk = Chunk(stage=STAGE, shop=shop, kinds=kinds_of(STAGE), after="", upto=LAST, source="api")
        prepare(chunk)
        applied = apply(chunk, with_results=True)
        outcome, changed = dict(applied.results), applied.changed_ids
    return [
        RowResult(index, order.external_id, "error", errors[index])
        if index in errors
        else RowResult(index, order.external_id, outcome[order.external_id])
        for index, order in enumerate(orders)
    ], changed


def _orders_of_refunds(shop: Shop, orders: Sequence[OrderInput]) -> dict[str, str | None]:
    """Refund number → number of the order that it is known to belong to; None where it names none."""
    numbers = {refund.external_id for order in orders for refund in order.refunds}
    known = Refund.objects.filter(shop=shop, external_id__in=numbers)
    return dict(known.values_list("external_id", "order__external_id"))


def _problems(orders: Sequence[OrderInput], known: Mapping[str, str | None]) -> dict[int, list[RowError]]:
    """Errors by index. An order number that comes twice in one request is an error the second time.

    `known` refunds keep their order: one that moved would leave its amount behind.
    """
    found: dict[int, list[RowError]] = {}
    seen: set[str] = set()
    refunds: set[str] = set()
    for index, order in enumerate(orders):
        errors = list(_errors(order))
        if order.external_id in seen:
            errors.append(RowError("external_id", "repeated", _("This order number is in the request twice.")))
        numbers = [refund.external_id for refund in order.refunds]
        if len({*numbers}) < len(numbers) or refunds & {*numbers}:
            errors.append(RowError("refunds", "repeated", _("A refund number is in the request twice.")))
        if any(known.get(number) not in (None, order.external_id) for number in numbers):
            errors.append(RowError("refunds", "taken", _("A refund number belongs to another order already.")))
        seen.add(order.external_id)
        refunds |= {*numbers}
        if errors:
            found[index] = errors
    return found


def _errors(order: OrderInput) -> Iterator[RowError]:
    if not 1 <= len(order.external_id.strip()) <= 80:
        yield RowError("external_id", "invalid", _("The order number needs 1 to 80 characters."))
    if order.state not in STATE_RANK:
        yield RowError("state", "invalid_choice", _("There is no state “%(value)s”.") % {"value": order.state})
    for name in ("placed_at", "paid_at", "shipped_at", "delivered_at", "source_updated_at"):
        moment = getattr(order, name)
        if moment is not None and not _is_likely(moment):
            yield RowError(name, "unlikely_date", _("The moment needs an offset and lies between 1990 and tomorrow."))
    for name in ("total_amount", "paid_amount"):
        amount = getattr(order, name)
        if amount is not None and not 0 <= amount < LARGEST_AMOUNT:
            yield RowError(name, "invalid", _("The amount must not be negative."))
    if order.total_amount is None and not order.lines and order.paid_amount is None:
        yield RowError("total_amount", "required", _("An order needs a total or lines."))
    yield from _line_errors(order)


def _line_errors(order: OrderInput) -> Iterator[RowError]:
    for place, line in enumerate(order.lines):
        if not 0 < line.quantity < 2**31:
            yield RowError(f"lines.{place}.quantity", "invalid", _("The quantity must be positive."))
        amounts = (line.unit_price, line.amount or 0, max(line.quantity, 0) * line.unit_price)
        if any(not 0 <= amount < LARGEST_AMOUNT for amount in amounts):
            yield RowError(f"lines.{place}.unit_price", "invalid", _("The amount must not be negative or too large."))
    for place, refund in enumerate(order.refunds):
        if not 0 <= refund.amount < LARGEST_AMOUNT:
            yield RowError(f"refunds.{place}.amount", "invalid", _("The amount must not be negative."))
        if not 1 <= len(refund.external_id) <= 80:
            yield RowError(f"refunds.{place}.external_id", "invalid", _("The refund number needs 1 to 80 characters."))
        if not _is_likely(refund.refunded_at):
            yield RowError(
                f"refunds.{place}.refunded_at", "unlikely_date", _("The moment lies between 1990 and tomorrow.")
            )


def _is_likely(moment: datetime) -> bool:
    return moment.tzinfo is not None and moment.year >= 1990 and moment <= timezone.now() + timedelta(days=2)


def _rows(order: OrderInput, region: str) -> Iterator[dict[str, object]]:
    """The staged rows of an order: its lines or itself, then its refunds."""
    head = _head(order, region)
    for number, line in enumerate(order.lines):
        yield head | {
            "row_no": number, "kind": "l", "sku": line.sku[:80] or None, "product_name": line.name[:300] or None,
            "category": line.category[:120] or None, "quantity": line.quantity, "unit_price": str(line.unit_price),
            "amount": None if line.amount is None else str(line.amount),
        }  # fmt: skip
    if not order.lines:
        yield head | {"row_no": 0, "kind": "o"}
    for refund in order.refunds:
        yield {
            "row_no": 0, "kind": "f", "order_no": order.external_id, "refund_no": refund.external_id,
            "amount": str(refund.amount), "refunded_at": refund.refunded_at, "reason": refund.reason[:200] or None,
        }  # fmt: skip


def _head(order: OrderInput, region: str) -> dict[str, object]:
    phone = normal_phone(order.phone, region) if order.phone else None
    email = written_email(order.email) if order.email else None
    return {
        "order_no": order.external_id,
        "buyer_key": _buyer_key(order.buyer_id.strip(), phone, email),
        "buyer_original": (order.buyer_id or order.phone or order.email)[:254] or None,
        "buyer_name": order.buyer_name or None,
        "phone": phone,
        "email": email,
        "city": order.city or None,
        "country": order.country or None,
        "placed_at": order.placed_at,
        "paid_at": order.paid_at,
        "shipped_at": order.shipped_at,
        "delivered_at": order.delivered_at,
        "source_updated_at": order.source_updated_at,
        "state": STATE_RANK[order.state],
        "platform_state": order.platform_state[:80] or None,
        "total": None if order.total_amount is None else str(order.total_amount),
        "paid": None if order.paid_amount is None else str(order.paid_amount),
        "extra": json.dumps(order.extra) if order.extra else None,
    }


def _buyer_key(buyer_id: str, phone: str | None, email: str | None) -> str | None:
    if buyer_id and not re.search(HIDDEN, buyer_id):
        return f"platform:{buyer_id}"
    if phone:
        return f"phone:{phone}"
    return f"email:{email.lower()}" if email else None


def _frame(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    kinds: dict[str, pl.DataType | type[pl.DataType]] = {
        "bigint": pl.Int64,
        "integer": pl.Int64,
        "smallint": pl.Int64,
        "timestamptz": pl.Datetime("us", "UTC"),
    }
    schema = {name: kinds.get(kind, pl.String) for name, kind in STAGED.items()}
    return pl.DataFrame([{name: row.get(name) for name in STAGED} for row in rows], schema=schema, orient="row")


__all__ = ["LineInput", "OrderInput", "RefundInput", "RowError", "RowResult", "upsert"]
