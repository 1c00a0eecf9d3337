"""What an import made of an order, in the words of tests."""

from decimal import Decimal

from customers.models import Shop
from orders.models import ImportFile, Order
from tests.orders.files import imported, order, story


def keys(number_of: Order) -> list[str]:
    """What the buyer of an order is known by: kind and value."""
    identities = number_of.customer.identities.order_by("kind") if number_of.customer else []
    return [f"{identity.kind}:{identity.value}" for identity in identities]


def lines(number_of: Order) -> list[tuple[object, ...]]:
    return [(line.sku, line.name, line.quantity, line.amount) for line in number_of.lines.all()]


def priced_lines(shop: Shop, number: str) -> list[tuple[str, int, Decimal, Decimal]]:
    return list(order(shop, number).lines.values_list("name", "quantity", "unit_price", "amount"))


def amounts(number_of: Order) -> tuple[Decimal, Decimal, Decimal]:
    """Total, paid and refunded."""
    return (number_of.total_amount, number_of.paid_amount, number_of.refunded_amount)


def money(shop: Shop, number: str) -> tuple[Decimal, Decimal, Decimal]:
    return amounts(order(shop, number))


def reasons(done: ImportFile) -> list[tuple[object, ...]]:
    return list(done.rejected.values_list("row_no", "column", "code"))


def changes_nothing(shop: Shop, content: bytes) -> bool:
    """Whether the same file, imported again, changes nothing."""
    before = story(shop)
    again = imported(shop, content)
    return bool(story(shop) == before and again.counts["orders_created"] == again.counts["orders_updated"] == 0)
