"""The statements that take an import back, in their order. ImportChange (keeping.py) says what was there before."""

from orders.importers.apply_sql import COLUMNS

# The orders that the import was the last to write. No index on import_id, which every import would pay for: those that
# it created have the numbers that were given out while it ran, those that it changed stand in ImportChange.
IDS = """
SELECT o.id FROM orders_order o
WHERE o.id > %(ids_after)s AND o.id <= %(ids_upto)s AND o.shop_id = %(shop)s AND o.import_id = %(import_file)s
UNION
SELECT o.id FROM orders_importchange c JOIN orders_order o ON o.id = c.order_id
WHERE c.import_file_id = %(import_file)s AND o.import_id = %(import_file)s
"""

ORDERED_IDS = f"{IDS} ORDER BY 1"

PREVIEW = f"""
SELECT count(*) FILTER (WHERE NOT coalesce(c.before ? 'order', false)),
  count(*) FILTER (WHERE c.before ? 'order')
FROM ({IDS}) mine LEFT JOIN orders_importchange c ON c.import_file_id = %(import_file)s AND c.order_id = mine.id
"""  # noqa: S608  our own words

LEFT = """
WITH overtaken AS (
  SELECT o.external_id FROM orders_importchange c JOIN orders_order o ON o.id = c.order_id
  WHERE c.import_file_id = %(import_file)s AND o.import_id IS DISTINCT FROM %(import_file)s)
SELECT (SELECT count(*) FROM overtaken),
  (SELECT array_agg(external_id) FROM (SELECT external_id FROM overtaken ORDER BY 1 LIMIT %(shown)s) first)
"""

MINE = """
CREATE TEMP TABLE undo_orders ON COMMIT DROP AS
SELECT o.id, coalesce(c.before, '{}') AS before FROM orders_order o
LEFT JOIN orders_importchange c ON c.import_file_id = %(import_file)s AND c.order_id = o.id
WHERE o.id = ANY(%(ids)s) AND o.import_id = %(import_file)s ORDER BY o.id FOR UPDATE OF o
"""

WITHOUT_LINES = "DELETE FROM orders_orderline l USING undo_orders u WHERE l.order_id = u.id"
WITHOUT_REFUNDS = "DELETE FROM orders_refund r USING undo_orders u WHERE r.order_id = u.id"
REMOVE = "DELETE FROM orders_order o USING undo_orders u WHERE o.id = u.id AND NOT u.before ? 'order'"

# Somebody who was merged since is who they became; nobody is who is no longer there.
_OWNER = """(SELECT coalesce(p.merged_into_id, p.id) FROM customers_customer p WHERE p.id = was.customer_id)"""

RESTORE = f"""
UPDATE orders_order o SET {", ".join(f"{name} = was.{name}" for name in COLUMNS if name != "customer_id")},
  customer_id = {_OWNER}, import_id = was.import_id, digest = was.digest, updated_at = now()
FROM undo_orders u, jsonb_populate_record(NULL::orders_order, u.before -> 'order') was
WHERE o.id = u.id AND u.before ? 'order'
"""  # noqa: S608  names of our own columns

LINES = """
INSERT INTO orders_orderline (order_id, line_no, product_id, sku, name, quantity, unit_price, amount)
SELECT was.order_id, was.line_no, was.product_id, was.sku, was.name, was.quantity, was.unit_price, was.amount
FROM undo_orders u, jsonb_populate_recordset(NULL::orders_orderline, u.before -> 'lines') was WHERE u.before ? 'lines'
"""

_REFUND = "shop_id, external_id, amount, refunded_at, refunded_on, reason, import_id, created_at"
_REFUND_WAS = ", ".join(f"was.{name}" for name in _REFUND.split(", "))

REFUNDS = f"""
INSERT INTO orders_refund (id, order_id, customer_id, {_REFUND})
SELECT was.id, was.order_id, {_OWNER}, {_REFUND_WAS}
FROM undo_orders u, jsonb_populate_recordset(NULL::orders_refund, u.before -> 'refunds') was
WHERE u.before ? 'refunds'
"""  # noqa: S608

# Rows that had waited for an order wait again.
PARKED = """
INSERT INTO orders_parkedrow (id, shop_id, order_no, import_file_id, row_no, row, parked_at)
SELECT was.id, was.shop_id, was.order_no, was.import_file_id, was.row_no, was.row, was.parked_at
FROM undo_orders u, jsonb_populate_recordset(NULL::orders_parkedrow, u.before -> 'parked') was
JOIN orders_importfile i ON i.id = was.import_file_id AND i.state <> 'undone' WHERE u.before ? 'parked'
ON CONFLICT DO NOTHING
"""

FORGET = """
WITH gone AS (
  DELETE FROM orders_importchange c USING undo_orders u
  WHERE c.import_file_id = %(import_file)s AND c.order_id = u.id)
SELECT count(*) FILTER (WHERE NOT before ? 'order'), count(*) FILTER (WHERE before ? 'order'),
  coalesce(array_agg(id ORDER BY id), '{}') FROM undo_orders
"""

LONE_REFUNDS = """
DELETE FROM orders_refund r WHERE r.shop_id = %(shop)s AND r.import_id = %(import_file)s AND r.order_id IS NULL
RETURNING r.id
"""

# Refunds without an order that the import changed, or gave to an order that it no longer has.
LONE_BEFORE = f"""
WITH mine AS (
  DELETE FROM orders_importchange c WHERE c.import_file_id = %(import_file)s AND c.order_id < 0
    AND NOT EXISTS (SELECT FROM orders_refund r WHERE r.id = -c.order_id)
  RETURNING c.before)
INSERT INTO orders_refund (id, order_id, customer_id, {_REFUND})
SELECT was.id, was.order_id, {_OWNER}, {_REFUND_WAS}
FROM mine, jsonb_populate_record(NULL::orders_refund, mine.before -> 'refund') was WHERE mine.before ? 'refund'
"""  # noqa: S608

PRODUCTS = """
DELETE FROM orders_product p
WHERE p.shop_id = %(shop)s AND p.created_at >= %(since)s AND p.cost IS NULL AND p.item_id IS NULL
  AND NOT EXISTS (SELECT FROM orders_orderline l WHERE l.product_id = p.id)
  AND NOT EXISTS (SELECT FROM orders_differentproducts d WHERE p.id IN (d.first_id, d.second_id))
"""
