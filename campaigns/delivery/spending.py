"""What a campaign, or a month, may still cost, and how many messages a campaign may still send today.

Nothing is counted on the way to the gate: a row per purse holds the sum (SpentTotal), and whoever is at the gate holds
the row's lock until the copies are `sending`. What was refused afterwards is only noticed by a count, so the sum is
never too small; before a purse is called empty it is counted anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from campaigns.delivery.sql import changed, rows

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Purse:
    """`limit` in `unit` (a currency, or messages) over what was sent since `since`; None: since ever.

    `scope` is the SQL of whose messages count, `measure` that of what one counts for.
    """

    name: str
    limit: Decimal
    unit_cost: Decimal
    scope: str
    measure: str
    params: Mapping[str, object]
    since: datetime | None = None
    until: datetime | None = None

    def cost(self, parts: int) -> Decimal:
        return self.unit_cost * parts if self.measure == _MONEY else Decimal(1)


_MONEY, _PIECES = "m.parts * c.unit_price", "1"
_OF_CAMPAIGN = "m.campaign_id = %(campaign)s"
# A campaign sends for 720 hours at most: older ones have sent nothing in this month.
_OF_CURRENCY = """c.shop_id IN (SELECT id FROM customers_shop WHERE currency = %(currency)s AND is_demo = %(demo)s)
    AND c.started_at > %(since)s - interval '31 days'"""

_COUNT = """
    SELECT coalesce(sum({measure}), 0)
    FROM campaigns_message AS m JOIN campaigns_campaign AS c ON c.id = m.campaign_id
    WHERE m.sent_at IS NOT NULL AND (%(since)s::timestamptz IS NULL OR m.sent_at >= %(since)s) AND {scope}
"""


def campaign_purse(*, campaign_id: int, budget: Decimal, unit_price: Decimal) -> Purse:
    """The campaign's own budget, in the shop's currency."""
    params = {"campaign": campaign_id}
    return Purse(f"campaign:{campaign_id}", budget, unit_price, _OF_CAMPAIGN, _MONEY, params)


def month_purse(*, currency: str, budget: Decimal, unit_price: Decimal, since: datetime, is_demo: bool) -> Purse:
    """All campaigns of shops with this currency since `since`, the month's first moment on this shop's clock."""
    params = {"currency": currency, "demo": is_demo}
    name = f"month:{currency}:{since.isoformat()}:{is_demo}"
    return Purse(name, budget, unit_price, _OF_CURRENCY, _MONEY, params, since)


def day_purse(*, campaign_id: int, ceiling: int, since: datetime, until: datetime) -> Purse:
    """Messages of the campaign on one day of its shop."""
    params = {"campaign": campaign_id}
    name = f"day:{campaign_id}:{since.isoformat()}"
    return Purse(name, Decimal(ceiling), ZERO, _OF_CAMPAIGN, _PIECES, params, since, until)


def affordable(purse: Purse, costs: list[Decimal]) -> int:
    """How many of the copies, from the first on, the purse still pays; those are paid when this returns.

    Inside the gate's transaction: of two at the gate the second waits here, and knows what the first has spent.
    """
    total = _locked(purse)
    if _fitting(purse.limit - total, costs) < len(costs):
        total = spent(purse)
    fitting = _fitting(purse.limit - total, costs)
    changed(
        "UPDATE campaigns_spenttotal SET spent = %s WHERE purse = %s", [total + sum(costs[:fitting], ZERO), purse.name]
    )
    return fitting


def spent(purse: Purse) -> Decimal:
    """Exactly, counted from the rows."""
    sql = _COUNT.format(measure=purse.measure, scope=purse.scope)
    ((amount,),) = rows(sql, {**purse.params, "since": purse.since})
    return Decimal(amount)


def _fitting(left: Decimal, costs: list[Decimal]) -> int:
    for number, cost in enumerate(costs):
        left -= cost
        if left < 0:
            return number
    return len(costs)


_LOCK = "SELECT spent FROM campaigns_spenttotal WHERE purse = %s FOR UPDATE"


def _locked(purse: Purse) -> Decimal:
    """The sum, for this transaction alone. Only the first look at a purse counts messages."""
    if found := rows(_LOCK, [purse.name]):
        return Decimal(found[0][0])
    changed(
        "INSERT INTO campaigns_spenttotal (purse, spent) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [purse.name, spent(purse)],
    )
    ((total,),) = rows(_LOCK, [purse.name])
    return Decimal(total)
