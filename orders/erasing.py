"""What orders and files say in free text about somebody who was erased is forgotten, and stays forgotten."""

from collections.abc import Sequence

from django.db import connection, transaction

from customers.models import ErasedKey


def forget_orders(*, customer_ids: Sequence[int]) -> None:
    """Unknown columns, remarks and kept rows of these customers' orders. Amounts, days and products stay."""
    with connection.cursor() as cursor:
        for statement in (_ORDERS, _REFUNDS, _CHANGES, _PARKED, _REJECTED):
            cursor.execute(statement, {"ids": list(customer_ids)})


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
_ORDERS = """
    UPDATE orders_order SET extra = '{}', updated_at = now() WHERE customer_id = ANY(%(ids)s) AND extra <> '{}'
"""
_REFUNDS = "UPDATE orders_refund SET reason = '' WHERE customer_id = ANY(%(ids)s) AND reason <> ''"
# What a staged row says of its buyer.
_PERSONAL = """ARRAY['buyer_key', 'buyer_original', 'buyer_name', 'phone', 'email', 'city', 'country', 'loyalty_no',
  'wechat_id', 'masked_phone', 'address', 'birthday', 'tags', 'reason', 'extra']"""

# Kept so that an import can be taken back, which must not bring anything of the person back.
_CHANGES = f"""
    UPDATE orders_importchange i SET before = jsonb_set(
        jsonb_set(before, '{{order,extra}}', '{{}}', false), '{{parked}}',
        coalesce((SELECT jsonb_agg(p - {_PERSONAL}) FROM jsonb_array_elements(i.before -> 'parked') AS p), '[]'), false)
    WHERE order_id IN (SELECT id FROM orders_order WHERE customer_id = ANY(%(ids)s))
"""  # noqa: S608  our own words
_PARKED = f"""
    UPDATE orders_parkedrow p SET row = p.row - {_PERSONAL} FROM orders_order o
    WHERE o.customer_id = ANY(%(ids)s) AND o.shop_id = p.shop_id AND o.external_id = p.order_no
"""  # noqa: S608
_REJECTED = """
    UPDATE orders_rejectedrow r SET raw = '[]' FROM orders_importfile i, orders_order o
    WHERE i.id = r.import_file_id AND o.shop_id = i.shop_id AND o.external_id = r.order_no
      AND r.order_no <> '' AND o.customer_id = ANY(%(ids)s)
"""
