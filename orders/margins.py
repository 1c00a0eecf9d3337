"""Margin: what is left of the net amount after the cost of what was sold, as far as costs are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from orders.sql import COUNTS, rows


@dataclass(frozen=True)
class Margin:
    """`net`: the part of the net amount that fell to products whose cost is known; `cost`: what those products cost.

    An order's net amount falls to its lines by their amounts, so that discounts, postage and refunds are shared.
    `units` counts pieces of all lines of paid orders, `costed_units` those with a known cost. Costs are today's.
    """

    units: int = 0
    costed_units: int = 0
    net: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    @property
    def amount(self) -> Decimal | None:
        """Net − cost; None where no cost is known."""
        return self.net - self.cost if self.costed_units else None

    @property
    def rate(self) -> float | None:
        """Margin ÷ net, at most 1; None where no cost is known or nothing was left of the net amount."""
        return float((self.net - self.cost) / self.net) if self.costed_units and self.net > 0 else None

    @property
    def coverage(self) -> float | None:
        """Share of the units with a known cost, 0–1; None where no order names products."""
        return self.costed_units / self.units if self.units else None


def margins(values: Mapping[str, Any]) -> dict[tuple[str | None, int | None, date | None], Margin]:
    """Margins by (platform, shop, part) as orders.turnover groups them; `values` are that question's."""
    return {(row[0], row[1], row[2]): Margin(*row[3:]) for row in rows(MARGINS, values)}


def margin_of(lines: Sequence[tuple[int, Decimal, Decimal | None]], net: Decimal) -> Margin:
    """The margin of one order from its lines (quantity, amount, cost per piece) and its net amount."""
    known = [line for line in lines if line[2] is not None]
    units, costed = sum(line[0] for line in lines), sum(line[0] for line in known)
    whole, part = sum((line[1] for line in lines), Decimal(0)), sum((line[1] for line in known), Decimal(0))
    share = part / whole if whole else Decimal(costed) / (units or 1)
    cost = sum((line[0] * line[2] for line in known if line[2] is not None), Decimal(0))
    return Margin(units, costed, round(net * share, 2), cost)


MARGINS = f"""
WITH sold AS (
  SELECT o.id, min(h.platform) AS platform, min(o.shop_id) AS shop_id, min(o.net_amount) AS net,
    min(date_trunc(%(grain)s, o.paid_on::timestamp))::date AS part, sum(l.quantity) AS units,
    coalesce(sum(l.quantity) FILTER (WHERE p.cost IS NOT NULL), 0) AS costed_units, sum(l.amount) AS whole,
    coalesce(sum(l.amount) FILTER (WHERE p.cost IS NOT NULL), 0) AS known, coalesce(sum(l.quantity * p.cost), 0) AS cost
  FROM orders_order o JOIN customers_shop h ON h.id = o.shop_id
  JOIN orders_orderline l ON l.order_id = o.id LEFT JOIN orders_product p ON p.id = l.product_id
  WHERE o.shop_id = ANY(%(shops)s) AND o.paid_on BETWEEN %(first)s AND %(last)s AND {COUNTS}
  GROUP BY o.id
)
SELECT s.platform, s.shop_id, s.part, sum(s.units)::bigint, sum(s.costed_units)::bigint,
  round(sum(s.net * coalesce(s.known / nullif(s.whole, 0), s.costed_units::numeric / s.units)), 2), sum(s.cost)
FROM sold s GROUP BY GROUPING SETS ((), (s.platform), (s.shop_id), (s.part), (s.platform, s.part))
HAVING count(*) > 0
"""  # noqa: S608  our own condition
