"""What orders and files say in free text about somebody who was erased is forgotten, and stays forgotten."""

import json
from collections.abc import Sequence

from django.db import connection, transaction

from customers.models import ErasedKey


def forget_orders(*, customer_ids: Sequence[int]) -> None:
    """Unknown columns, remarks and kept rows of these customers' orders. Amounts, days and products stay."""
    with connection.cursor() as cursor:
        for statement in (_ORDERS, _REFUNDS, _CHANGES, _LONE_CHANGES, _PARKED, _REJECTED):
            cursor.execute(statement, {"ids": list(customer_ids)})


def forget_rows(*, words: Sequence[str]) -> None:
    """Rows of files that name somebody by one of these keys and belong to no order: rejected, shown, or waiting.

    A key is found as a whole cell, a phone, an e-mail or another long one also within a cell, with or without blanks.
    """
    patterns = sorted({pattern for word in words for pattern in _patterns(word)})
    values = {"patterns": patterns, "words": [*words, *(word.lower() for word in words)]}
    if not patterns:
        return
    with connection.cursor() as cursor:
        for statement in (_NAMED_REJECTED, _NAMED_SAMPLES, _NAMED_PARKED):
            cursor.execute(statement, values)


#: Shorter keys are part of other words.
LONG = 7


def _patterns(word: str) -> list[str]:
    """For LIKE, on JSON in lower case without blanks and hyphens."""
    plain = word.lower().removeprefix("+86").removeprefix("+").replace(" ", "").replace("-", "")
    quoted = json.dumps(plain, ensure_ascii=False)
    for sign in "\\%_":
        quoted = quoted.replace(sign, f"\\{sign}")
    if len(plain) >= LONG:
        return [f"%{quoted[1:-1]}%"]
    is_any_number = plain.isdecimal() and len(plain) < 5  # a cell of so few digits is a quantity or a price
    return [f"%{quoted}%"] if plain and not is_any_number else []


def forget_again(*, order_ids: Sequence[int]) -> None:
    """The same for orders that were just written, where they are of somebody erased: a file told it once more."""
    if not order_ids or not ErasedKey.objects.exists():
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ERASED_OF, {"orders": list(order_ids)})
        erased = [int(row[0]) for row in cursor.fetchall()]
        if erased:
            forget_orders(customer_ids=erased)


_ERASED_OF = """
    SELECT DISTINCT c.id FROM orders_order o JOIN customers_customer c ON c.id = o.customer_id
    WHERE o.id = ANY(%(orders)s) AND c.extra ? 'erased'
"""
# Of Shopify's orders the platform's own number stays, which tells two orders of one name apart (importers/twins.py).
_ORDERS = """
    UPDATE orders_order o SET extra = k.kept, updated_at = now()
    FROM (SELECT o.id, CASE WHEN s.platform = 'shopify' AND o.extra ->> 'Id' ~ '^[0-9]+$'
            THEN jsonb_build_object('Id', o.extra -> 'Id') ELSE '{}' END AS kept
          FROM orders_order o JOIN customers_shop s ON s.id = o.shop_id WHERE o.customer_id = ANY(%(ids)s)) k
    WHERE k.id = o.id AND o.extra <> k.kept
"""
_REFUNDS = "UPDATE orders_refund SET reason = '' WHERE customer_id = ANY(%(ids)s) AND reason <> ''"
# What a staged row says of its buyer.
PERSONAL = """ARRAY['buyer_key', 'buyer_original', 'buyer_name', 'phone', 'email', 'city', 'country', 'loyalty_no',
  'wechat_id', 'masked_phone', 'address', 'birthday', 'tags', 'reason', 'extra']"""

# Kept so that an import can be taken back, which must not bring anything of the person back.
_CHANGES = f"""
    UPDATE orders_importchange i SET before = jsonb_set(jsonb_set(
        jsonb_set(before, '{{order,extra}}', '{{}}', false), '{{parked}}', coalesce((
          SELECT jsonb_agg(p || jsonb_build_object('row', (p -> 'row') - {PERSONAL}))
          FROM jsonb_array_elements(i.before -> 'parked') AS p), '[]'), false),
        '{{refunds}}', coalesce((SELECT jsonb_agg(r || '{{"reason": ""}}')
          FROM jsonb_array_elements(i.before -> 'refunds') AS r), '[]'), false)
    WHERE order_id IN (SELECT id FROM orders_order WHERE customer_id = ANY(%(ids)s))
"""  # noqa: S608  our own words
# A refund that names no order is kept under its own number with a minus.
_LONE_CHANGES = """
    UPDATE orders_importchange SET before = jsonb_set(before, '{refund,reason}', '""', false)
    WHERE order_id IN (SELECT -id FROM orders_refund WHERE customer_id = ANY(%(ids)s) AND order_id IS NULL)
"""
_PARKED = f"""
    UPDATE orders_parkedrow p SET row = p.row - {PERSONAL} FROM orders_order o
    WHERE o.customer_id = ANY(%(ids)s) AND o.shop_id = p.shop_id AND o.external_id = p.order_no
"""  # noqa: S608
_REJECTED = """
    UPDATE orders_rejectedrow r SET raw = '[]' FROM orders_importfile i, orders_order o
    WHERE i.id = r.import_file_id AND o.shop_id = i.shop_id AND o.external_id = r.order_no
      AND r.order_no <> '' AND o.customer_id = ANY(%(ids)s)
"""
# Cells in which blanks and hyphens say nothing.
_PLAIN = "translate(lower({0}), ' -', '')"

_NAMED_REJECTED = f"""
    UPDATE orders_rejectedrow SET raw = '[]', reason = code
    WHERE {_PLAIN.format("raw::text || to_json(reason)::text")} LIKE ANY(%(patterns)s)
"""  # noqa: S608
# Five rows and the first errors, as the dry run showed them.
_NAMED_SAMPLES = f"""
    UPDATE orders_importfile SET dry_run = dry_run || '{{"sample": [], "errors": []}}'
    WHERE {_PLAIN.format("dry_run::text")} LIKE ANY(%(patterns)s)
"""  # noqa: S608
_NAMED_PARKED = f"""
    UPDATE orders_parkedrow p SET row = p.row - {PERSONAL}
    WHERE substr(row ->> 'buyer_key', strpos(row ->> 'buyer_key', ':') + 1) = ANY(%(words)s)
      OR row ->> 'buyer_original' = ANY(%(words)s) OR row ->> 'phone' = ANY(%(words)s)
      OR lower(row ->> 'email') = ANY(%(words)s)
"""  # noqa: S608
