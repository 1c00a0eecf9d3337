"""The same import as it is usually written with Django's ORM: what ours is compared with.

Both read the file with Python's csv, check what our layout checks, and end in the same five tables. They are given
what speeds them up honestly: one transaction, customers and products looked up in memory, no signals.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from benchmarks.invented import COLUMNS
from customers.models import Customer, Identity, Shop
from customers.normalforms import normal_email, normal_phone
from orders.models import Order, OrderLine, Product

BATCH = 1_000
ZONE = ZoneInfo("Asia/Shanghai")


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Good rows as values; bad ones are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        for cells in csv.DictReader(file):
            row = {field: cells[header].strip() for field, header in COLUMNS.items()}
            try:
                checked = _values(row)
            except (ValueError, InvalidOperation):
                continue
            yield checked


def _values(row: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = dict(row)
    for field in ("placed_at", "paid_at", "shipped_at"):
        local = datetime.strptime(row[field], "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
        values[field] = local.astimezone(UTC)
        values[f"{field}_day"] = local.date()
    for field in ("order_total", "paid_amount", "refund_amount", "unit_price", "line_amount"):
        values[field] = Decimal(row[field] or 0)
        if values[field] < 0:
            raise ValueError(field)
    values["quantity"] = int(row["quantity"])
    if values["quantity"] <= 0 or "E+" in row["order_no"]:
        raise ValueError(row["order_no"])
    values["phone"], values["email"] = normal_phone(row["phone"]) or "", normal_email(row["email"]) or ""
    return values


def _order(shop: Shop, row: dict[str, Any], customer_id: int) -> Order:
    return Order(
        shop=shop, external_id=row["order_no"], customer_id=customer_id, state=row["status"],
        platform_state=row["status"], placed_at=row["placed_at"], paid_at=row["paid_at"], paid_on=row["paid_at_day"],
        shipped_at=row["shipped_at"], total_amount=row["order_total"], paid_amount=row["paid_amount"],
        refunded_amount=row["refund_amount"],
    )  # fmt: skip


ORDER_FIELDS = [
    "customer", "state", "platform_state", "placed_at", "paid_at", "paid_on", "shipped_at", "total_amount",
    "paid_amount", "refunded_amount",
]  # fmt: skip
LINE_FIELDS = ["product", "sku", "name", "quantity", "unit_price", "amount"]


@transaction.atomic
def by_bulk_create(path: Path, shop: Shop) -> int:
    """`bulk_create(update_conflicts=True)`, a thousand rows at a time. Returns the good rows."""
    known: dict[str, int] = dict(
        Identity.objects.filter(kind="platform", scope=shop.code).values_list("value", "customer_id")
    )
    products: dict[str, int] = dict(Product.objects.filter(shop=shop).values_list("sku", "pk"))
    places: dict[str, int] = {}
    total, batch = 0, []
    for row in read(path):
        batch.append(row)
        total += 1
        if len(batch) == BATCH:
            _write(batch, shop, known, products, places)
            batch = []
    _write(batch, shop, known, products, places)
    return total


def _write(
    rows: Sequence[dict[str, Any]], shop: Shop, known: dict[str, int], products: dict[str, int], places: dict[str, int]
) -> None:
    _introduce({row["buyer_id"]: row for row in rows if row["buyer_id"] not in known}, shop, known)
    wanted = {row["sku"]: row for row in rows if row["sku"] not in products}
    made = Product.objects.bulk_create(
        [Product(shop=shop, sku=sku, name=row["product_name"], category=row["category"]) for sku, row in wanted.items()]
    )
    products |= {product.sku: product.pk for product in made}
    orders = {row["order_no"]: _order(shop, row, known[row["buyer_id"]]) for row in rows}
    saved = Order.objects.bulk_create(
        orders.values(), update_conflicts=True, unique_fields=["shop", "external_id"], update_fields=ORDER_FIELDS
    )
    ids = {order.external_id: order.pk for order in saved}
    lines = []
    for row in rows:
        places[row["order_no"]] = places.get(row["order_no"], 0) + 1
        lines.append(_line(row, ids[row["order_no"]], places[row["order_no"]], products[row["sku"]]))
    OrderLine.objects.bulk_create(
        lines, update_conflicts=True, unique_fields=["order", "line_no"], update_fields=LINE_FIELDS
    )


def _introduce(people: dict[str, dict[str, Any]], shop: Shop, known: dict[str, int]) -> None:
    customers = Customer.objects.bulk_create(
        [
            Customer(
                name=row["buyer_name"], phone=row["phone"], email=row["email"], city=row["city"], country=row["country"]
            )
            for row in people.values()
        ]
    )
    keys = []
    for (nick, row), customer in zip(people.items(), customers, strict=True):
        known[nick] = customer.pk
        keys.append(Identity(customer=customer, kind="platform", scope=shop.code, value=nick))
        keys.append(Identity(customer=customer, kind="phone", value=row["phone"]))
        keys.append(Identity(customer=customer, kind="email", value=row["email"]))
    Identity.objects.bulk_create(keys, ignore_conflicts=True)


def _line(row: dict[str, Any], order_id: int, place: int, product_id: int) -> OrderLine:
    return OrderLine(
        order_id=order_id, line_no=place, product_id=product_id, sku=row["sku"], name=row["product_name"],
        quantity=row["quantity"], unit_price=row["unit_price"], amount=row["line_amount"],
    )  # fmt: skip


@transaction.atomic
def by_loop(path: Path, shop: Shop) -> int:
    """`update_or_create` for every row, as most scripts do. Returns the good rows."""
    total = 0
    places: dict[str, int] = {}
    for row in read(path):
        customer_id = _found_or_made(row, shop)
        product, _created = Product.objects.update_or_create(
            shop=shop, sku=row["sku"], defaults={"name": row["product_name"], "category": row["category"]}
        )
        order = _order(shop, row, customer_id)
        defaults = {name: getattr(order, name) for name in ORDER_FIELDS if name != "customer"}
        saved, _created = Order.objects.update_or_create(
            shop=shop, external_id=row["order_no"], defaults={**defaults, "customer_id": customer_id}
        )
        places[row["order_no"]] = places.get(row["order_no"], 0) + 1
        line = _line(row, saved.pk, places[row["order_no"]], product.pk)
        OrderLine.objects.update_or_create(
            order_id=saved.pk, line_no=line.line_no,
            defaults={name: getattr(line, name) for name in LINE_FIELDS if name != "product"} | {"product": product},
        )  # fmt: skip
        total += 1
    return total


def _found_or_made(row: dict[str, Any], shop: Shop) -> int:
    identity = Identity.objects.filter(kind="platform", scope=shop.code, value=row["buyer_id"]).first()
    if identity is not None:
        return identity.customer_id
    customer = Customer.objects.create(
        name=row["buyer_name"], phone=row["phone"], email=row["email"], city=row["city"], country=row["country"]
    )
    for kind, scope, value in (
        ("platform", shop.code, row["buyer_id"]), ("phone", "", row["phone"]), ("email", "", row["email"]),
    ):  # fmt: skip
        Identity.objects.get_or_create(kind=kind, scope=scope, value=value, defaults={"customer": customer})
    return customer.pk
