"""Verbs of touchpoints: writing down what passed, once, however often it is told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from customers.models import Customer
from touchpoints.models import Touchpoint


@dataclass(frozen=True)
class TouchpointInput:
    """One event as it is told. `dedupe_key` names it in its source; `occurred_at` is aware."""

    customer_id: int
    stage: str
    kind: str
    direction: str
    channel: str
    occurred_at: datetime
    dedupe_key: str
    shop_id: int | None = None
    order_id: int | None = None
    campaign_code: str = ""
    agent: str = ""
    satisfaction: int | None = None
    summary: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


def record_touchpoint(
    *,
    customer_id: int,
    stage: str,
    kind: str,
    direction: str,
    channel: str,
    occurred_at: datetime,
    dedupe_key: str,
    shop_id: int | None = None,
    order_id: int | None = None,
    campaign_code: str = "",
    agent: str = "",
    satisfaction: int | None = None,
    summary: str = "",
    data: Mapping[str, object] | None = None,
) -> bool:
    """Write one event down. False where its `dedupe_key` is known already, and nothing changes then."""
    event = TouchpointInput(
        customer_id=customer_id,
        stage=stage,
        kind=kind,
        direction=direction,
        channel=channel,
        occurred_at=occurred_at,
        dedupe_key=dedupe_key,
        shop_id=shop_id,
        order_id=order_id,
        campaign_code=campaign_code,
        agent=agent,
        satisfaction=satisfaction,
        summary=summary,
        data=data or {},
    )
    return bool(record_many([event]))


@transaction.atomic
def record_many(rows: Sequence[TouchpointInput]) -> set[str]:
    """Write events down in one statement; returns the keys that were new.

    Events of somebody who was merged go to whom they became. Raises BadInput, and writes nothing, where a row names
    an unknown customer, stage or direction, a satisfaction outside 1–5, a time without zone, or no key.
    """
    _check(rows)
    values = json.dumps([row.__dict__ for row in rows], cls=DjangoJSONEncoder)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [values])
        return {key for (key,) in cursor.fetchall()}


_INSERT = """
    INSERT INTO touchpoints_touchpoint
        (customer_id, stage, kind, direction, channel, occurred_at, shop_id, order_id, campaign_code, agent,
         satisfaction, summary, data, dedupe_key, recorded_at)
    SELECT coalesce(person.merged_into_id, person.id), told.stage, told.kind, told.direction, told.channel,
           told.occurred_at, told.shop_id, told.order_id, told.campaign_code, told.agent, told.satisfaction,
           left(told.summary, 300), told.data, told.dedupe_key, statement_timestamp()
    FROM jsonb_to_recordset(%s::jsonb) AS told
        (customer_id bigint, stage text, kind text, direction text, channel text, occurred_at timestamptz,
         shop_id bigint, order_id bigint, campaign_code text, agent text, satisfaction smallint, summary text,
         data jsonb, dedupe_key text)
    JOIN customers_customer AS person ON person.id = told.customer_id
    ORDER BY told.dedupe_key
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
    RETURNING dedupe_key
"""


def _check(rows: Sequence[TouchpointInput]) -> None:
    for row in rows:
        if problem := _problem(row):
            raise BadInput(problem, code="bad_touchpoint", extra={"dedupe_key": row.dedupe_key})
    wanted = {row.customer_id for row in rows}
    known = set(Customer.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    if missing := wanted - known:
        numbers = ", ".join(str(pk) for pk in sorted(missing)[:5])
        raise BadInput(_("There is no customer %(numbers)s.") % {"numbers": numbers}, code="unknown_customer")


def _problem(row: TouchpointInput) -> str:
    if row.stage not in Touchpoint.Stage.values:
        return _("“%(stage)s” is not a stage of the journey.") % {"stage": row.stage}
    if row.direction not in Touchpoint.Direction.values:
        return _("“%(direction)s” is not a direction: in or out.") % {"direction": row.direction}
    if row.satisfaction is not None and row.satisfaction not in range(1, 6):
        return _("Satisfaction goes from 1 to 5.")
    if row.occurred_at.tzinfo is None:
        return _("The time needs its zone.")
    return "" if row.dedupe_key else _("The event needs a key that names it.")


def record_order_touchpoints(*, order_ids: Sequence[int]) -> int:
    """What these orders tell: placed, paid, shipped, received, and each refund. Returns how many are new or other.

    Orders without a customer tell nothing. A step that is known takes the time and the customer that the order has now,
    and a payment that was taken back is no step any more.
    """
    if not order_ids:
        return 0
    ids = list(order_ids)
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN_BACK, {"ids": ids})
        cursor.execute(_FROM_ORDERS, {"ids": ids})
        steps = cursor.rowcount
        cursor.execute(_FROM_REFUNDS.format(which="refund.order_id = ANY(%(ids)s)"), {"ids": ids})
        return int(steps + cursor.rowcount)


def forget_order_touchpoints(*, order_ids: Sequence[int], refund_ids: Sequence[int]) -> int:
    """What these orders, and these refunds that name no order, have told. Returns how many contacts that were.

    What still holds is written down anew by `record_order_touchpoints`; contacts that came from elsewhere stay.
    """
    own = Q(dedupe_key__isnull=True) | Q(dedupe_key__startswith="refund:")
    told = Touchpoint.objects.filter(own, order__in=list(order_ids))
    lone = Touchpoint.objects.filter(dedupe_key__in=[f"refund:{pk}" for pk in refund_ids])
    return told.delete()[0] + lone.delete()[0]


def forget_touchpoints(*, dedupe_keys: Sequence[str]) -> int:
    """Take back what was written down under these keys and turned out not to have happened. Returns how many."""
    return Touchpoint.objects.filter(dedupe_key__in=list(dedupe_keys)).delete()[0]


def record_lone_refunds(*, shop_id: int) -> int:
    """Refunds of a shop that name no order, as after an import. Returns how many were new."""
    which = "refund.shop_id = %(shop)s AND refund.order_id IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(_FROM_REFUNDS.format(which=which), {"shop": shop_id})
        return int(cursor.rowcount)


_FROM_ORDERS = """
    INSERT INTO touchpoints_touchpoint AS known
        (customer_id, stage, kind, direction, channel, occurred_at, shop_id, order_id, campaign_code, agent,
         summary, data, recorded_at)
    SELECT coalesce(person.merged_into_id, person.id), step.stage, 'order_' || step.name, step.direction, 'shop',
           step.at, bought.shop_id, bought.id, '', '', '', '{}', statement_timestamp()
    FROM orders_order AS bought
    JOIN customers_customer AS person ON person.id = bought.customer_id
    CROSS JOIN LATERAL (VALUES
        ('placed', 'order', 'in', bought.placed_at),
        ('paid', 'pay', 'in', bought.paid_at),
        ('shipped', 'ship', 'out', bought.shipped_at),
        ('received', 'receive', 'in', bought.delivered_at)
    ) AS step (name, stage, direction, at)
    WHERE bought.id = ANY(%(ids)s) AND step.at IS NOT NULL
    ORDER BY bought.id
    ON CONFLICT (order_id, kind, dedupe_key) WHERE order_id IS NOT NULL DO UPDATE
    SET occurred_at = excluded.occurred_at, customer_id = excluded.customer_id
    WHERE (known.occurred_at, known.customer_id) IS DISTINCT FROM (excluded.occurred_at, excluded.customer_id)
"""

# Of an order that ended without a payment after all; no other step is ever taken back.
_TAKEN_BACK = """
    DELETE FROM touchpoints_touchpoint AS told USING orders_order AS bought
    WHERE bought.id = ANY(%(ids)s) AND bought.paid_at IS NULL
      AND told.order_id = bought.id AND told.kind = 'order_paid' AND told.dedupe_key IS NULL
"""

_FROM_REFUNDS = """
    INSERT INTO touchpoints_touchpoint
        (customer_id, stage, kind, direction, channel, occurred_at, shop_id, order_id, campaign_code, agent,
         summary, data, dedupe_key, recorded_at)
    SELECT coalesce(person.merged_into_id, person.id), 'after_sale', 'order_refunded', 'out', 'shop',
           refund.refunded_at, refund.shop_id, refund.order_id, '', '', left(refund.reason, 300),
           jsonb_build_object('amount', refund.amount::text, 'refund', refund.external_id), 'refund:' || refund.id,
           statement_timestamp()
    FROM orders_refund AS refund
    JOIN customers_customer AS person ON person.id = refund.customer_id
    WHERE {which}
    ORDER BY refund.id
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING
"""
