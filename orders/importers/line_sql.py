"""The statements that write the lines of a chunk's orders. Lines that are told replace those that were there."""

_LINE = ("product_id", "sku", "name", "quantity", "unit_price", "amount")
_NAMES = ", ".join(_LINE)
_OLD, _NEW = (", ".join(f"{table}.{name}" for name in _LINE) for table in "lc")

_TOLD = """
  SELECT t.id AS order_id, c.place AS line_no, c.kind, p.id AS product_id, coalesce(c.sku, '') AS sku,
    coalesce(c.product_name, '') AS name, c.quantity, c.unit_price, c.amount
  FROM chunk_rows c JOIN chunk_orders t USING (order_no)
  LEFT JOIN orders_product p ON p.shop_id = %(shop)s AND p.sku = c.sku
"""

NEW_LINES = f"""
INSERT INTO orders_orderline (order_id, line_no, {_NAMES})
SELECT order_id, line_no, {_NAMES} FROM ({_TOLD} WHERE t.is_new AND c.kind IN ('l', 'd')) told;
"""  # noqa: S608  names of our own columns

# Orders that were there before: their lines are compared once, and what differs is written. A file of corrections
# shows only some of the lines, and rejected rows keep their places.
DIFFERENT = f"""
CREATE TEMP TABLE chunk_different ON COMMIT DROP AS
WITH told AS ({_TOLD} WHERE NOT t.is_new AND t.takes_lines AND c.kind IN ('l', 'd', 'x')),
there AS (
  SELECT l.*, t.is_fix FROM chunk_orders t
  CROSS JOIN LATERAL (SELECT * FROM orders_orderline l WHERE l.order_id = t.id OFFSET 0) l
  WHERE NOT t.is_new AND t.takes_lines AND t.lines > 0)
SELECT order_id, line_no, {", ".join(f"c.{name}" for name in _LINE)},
  CASE WHEN c.kind IS NULL THEN 'gone' WHEN l.quantity IS NULL THEN 'added' ELSE 'changed' END AS fate
FROM told c FULL JOIN there l USING (order_id, line_no)
WHERE CASE WHEN c.kind IS NULL THEN NOT l.is_fix WHEN c.kind = 'x' THEN false
  WHEN l.quantity IS NULL THEN true ELSE ({_OLD}) IS DISTINCT FROM ({_NEW}) END;
"""  # noqa: S608

GONE_LINES = """
DELETE FROM orders_orderline l USING chunk_different c
WHERE c.fate = 'gone' AND l.order_id = c.order_id AND l.line_no = c.line_no;
"""

CHANGED_LINES = f"""
UPDATE orders_orderline l SET {", ".join(f"{name} = c.{name}" for name in _LINE)}
FROM chunk_different c WHERE c.fate = 'changed' AND l.order_id = c.order_id AND l.line_no = c.line_no;
"""  # noqa: S608

ADDED_LINES = f"""
INSERT INTO orders_orderline (order_id, line_no, {_NAMES})
SELECT order_id, line_no, {_NAMES} FROM chunk_different WHERE fate = 'added' ORDER BY order_id, line_no;
"""  # noqa: S608
