"""What products have sold, by themselves and together with what they are linked to. Two currencies are never added."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from orders.sql import COUNTS, kept, rows


@dataclass(frozen=True)
class ProductFigures:
    """Paid orders of some days. `amount`: what the lines came to, before refunds, in the shop's currency.

    `orders` counts an order once however many of the products it holds; `buyers` are known customers, `repeaters` those
    with two or more of the orders. `cost` is of the `costed_units`, whose line amounts are `costed_amount`.
    """

    units: int = 0
    orders: int = 0
    buyers: int = 0
    repeaters: int = 0
    amount: Decimal = Decimal(0)
    costed_units: int = 0
    costed_amount: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    @property
    def repeat_share(self) -> float | None:
        """Repeaters ÷ buyers, 0–1; None without buyers."""
        return self.repeaters / self.buyers if self.buyers else None

    @property
    def margin(self) -> Decimal | None:
        """Line amounts − cost, where costs are known; None where none is."""
        return self.costed_amount - self.cost if self.costed_units else None

    @property
    def margin_rate(self) -> float | None:
        margin = self.margin
        return float(margin / self.costed_amount) if margin is not None and self.costed_amount else None

    @property
    def coverage(self) -> float | None:
        """Share of the units whose cost is known, 0–1."""
        return self.costed_units / self.units if self.units else None


@dataclass(frozen=True)
class MonthOfSales:
    month: date
    units: int
    orders: int
    amount: Decimal


@dataclass(frozen=True)
class Sold:
    """By product, and by currency for all products of that currency together."""

    products: dict[int, ProductFigures]
    currencies: dict[str, ProductFigures]


def sold(product_ids: Iterable[int], *, first: date, last: date) -> Sold:
    """Figures of these products in the days `first` to `last` of payment. Kept for ten minutes."""
    ids = sorted(product_ids)
    return kept("product-figures", *ids, first, last, compute=lambda: _sold(ids, first, last))


def _sold(ids: list[int], first: date, last: date) -> Sold:
    found = rows(
        f"""WITH bought AS (
              SELECT h.currency, l.product_id, o.customer_id, o.id, sum(l.quantity) AS units, sum(l.amount) AS amount,
                coalesce(sum(l.quantity) FILTER (WHERE p.cost IS NOT NULL), 0) AS costed_units,
                coalesce(sum(l.amount) FILTER (WHERE p.cost IS NOT NULL), 0) AS costed_amount,
                coalesce(sum(l.quantity * p.cost), 0) AS cost
              FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
              JOIN orders_product p ON p.id = l.product_id JOIN customers_shop h ON h.id = o.shop_id
              WHERE l.product_id = ANY(%(ids)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND {COUNTS}
              GROUP BY 1, 2, 3, 4
            ), person AS (
              SELECT currency, product_id, customer_id, count(DISTINCT id) AS orders, sum(units) AS units,
                sum(amount) AS amount, sum(costed_units) AS costed_units, sum(costed_amount) AS costed_amount,
                sum(cost) AS cost
              FROM bought GROUP BY GROUPING SETS ((currency, product_id, customer_id), (currency, customer_id)))
            SELECT currency, product_id, sum(units)::bigint, sum(orders)::bigint, count(customer_id),
              count(*) FILTER (WHERE customer_id IS NOT NULL AND orders > 1), sum(amount), sum(costed_units)::bigint,
              sum(costed_amount), sum(cost)
            FROM person GROUP BY 1, 2""",  # noqa: S608  our own condition
        {"ids": ids, "first": first, "last": last},
    )
    return Sold(
        products={product: ProductFigures(*row) for _currency, product, *row in found if product is not None},
        currencies={currency: ProductFigures(*row) for currency, product, *row in found if product is None},
    )


def months(product_ids: Iterable[int], *, first: date, last: date) -> list[MonthOfSales]:
    """Month by month, oldest first, months without a sale left out. Give products of one currency only."""
    ids = sorted(product_ids)
    return kept("product-months", *ids, first, last, compute=lambda: _months(ids, first, last))


def _months(ids: list[int], first: date, last: date) -> list[MonthOfSales]:
    found = rows(
        f"""SELECT date_trunc('month', o.paid_on::timestamp)::date, sum(l.quantity)::bigint, count(DISTINCT o.id),
              sum(l.amount)
            FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
            WHERE l.product_id = ANY(%(ids)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND {COUNTS}
            GROUP BY 1 ORDER BY 1""",  # noqa: S608
        {"ids": ids, "first": first, "last": last},
    )
    return [MonthOfSales(*row) for row in found]
