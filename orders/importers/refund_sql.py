"""The statements that write the refunds of a chunk: money given back for an order, or without one for a customer.

A refund is known by its number; what an order's own column tells is the refund of the order's number.
"""

# Refunds that name no order are summed per number, those of an order may be several. `change` is what the order's
# refunds grow by. Older news brings only refunds that nobody has told yet, and a refund never moves to another order.
REFUNDS = """
CREATE TEMP TABLE chunk_refunds ON COMMIT DROP AS
WITH told AS (
  SELECT c.order_no AS refund_no, NULL::text AS order_no, max(c.buyer_key) AS buyer_key, sum(c.amount) AS amount,
    min(c.refunded_at) AS refunded_at, max(c.reason) AS reason, count(*) AS rows,
    bool_or(c.fix_of IS NOT NULL) AS is_fix
  FROM chunk_rows c WHERE c.kind = 'r' GROUP BY c.order_no
  UNION ALL
  SELECT c.refund_no, min(c.order_no), NULL, sum(c.amount), min(c.refunded_at), max(c.reason),
    count(*) FILTER (WHERE NOT c.is_home), false
  FROM chunk_rows c WHERE c.kind = 'f' GROUP BY c.refund_no
  UNION ALL
  SELECT order_no, order_no, NULL, refund, coalesce(refunded_at, source_updated_at, paid_at, placed_at), reason, 0,
    false
  FROM chunk_orders WHERE refund IS NOT NULL
), weighed AS (
  SELECT told.*, t.id AS order_id, r.id AS old_id, r.order_id AS old_order_id, r.amount AS old_amount,
    (told.refunded_at AT TIME ZONE %(zone)s)::date AS refunded_on, left(coalesce(told.reason, ''), 200) AS words,
    CASE WHEN t.is_older THEN r.id IS NULL AND told.refund_no <> told.order_no AND told.amount > 0
      WHEN r.id IS NULL THEN told.amount > 0
      ELSE r.order_id IS NULL OR r.order_id IS NOT DISTINCT FROM t.id END AS is_taken,
    (r.amount, r.refunded_at, r.reason, r.order_id) IS DISTINCT FROM
      (told.amount, told.refunded_at, left(coalesce(told.reason, ''), 200), t.id) AS is_other
  FROM told LEFT JOIN chunk_orders t ON t.order_no = told.order_no
  LEFT JOIN LATERAL (
    SELECT * FROM orders_refund r
    WHERE r.shop_id = %(shop)s AND r.external_id = told.refund_no COLLATE "default" LIMIT 1
  ) r ON true)
SELECT *, is_taken AND is_other AS is_news,
  CASE WHEN is_taken THEN amount - CASE WHEN old_order_id = order_id THEN old_amount ELSE 0 END ELSE 0 END AS change
FROM weighed;
"""

# A file says of a paid order that it was closed or refunded, and not how much was given back: all of it. That of a
# closed order grows with the lines that a correction adds.
WHOLE_REFUNDS = """
UPDATE chunk_orders SET refund = coalesce(paid, total, lines_amount)
WHERE refund IS NULL AND state IN ('closed', 'refunded') AND paid_at IS NOT NULL
  AND (is_new OR NOT is_fix OR old_state = 'refunded');
"""

# A refund is its number's whole amount: half of its rows would be a wrong figure.
REJECTED_REFUNDS = """
WITH doubtful AS (
  SELECT f.refund_no, CASE WHEN x.order_no IS NOT NULL THEN 'refund_incomplete' ELSE 'refund_exists' END AS code
  FROM chunk_refunds f
  LEFT JOIN (SELECT DISTINCT order_no FROM chunk_rows WHERE kind = 'x') x
    ON x.order_no = f.refund_no AND f.order_no IS NULL
  WHERE f.rows > 0 AND (x.order_no IS NOT NULL OR (f.is_fix AND f.old_amount <> f.amount)
    OR (f.order_no IS NOT NULL AND f.old_order_id <> f.order_id))
), gone AS (DELETE FROM chunk_refunds f USING doubtful d WHERE d.refund_no = f.refund_no)
INSERT INTO orders_rejectedrow (import_file_id, row_no, "column", code, reason, raw, order_no)
SELECT %(import_file)s, c.row_no, '', d.code, '', c.extra::jsonb, c.order_no
FROM chunk_rows c JOIN doubtful d ON d.refund_no = CASE c.kind WHEN 'r' THEN c.order_no WHEN 'f' THEN c.refund_no END
WHERE NOT c.is_home
ON CONFLICT (import_file_id, row_no) DO NOTHING RETURNING code;
"""

_VALUES = ("customer_id", "order_id", "amount", "refunded_at", "refunded_on", "reason")
_NAMES = ", ".join(_VALUES)

_TOLD = """
  SELECT f.old_id, f.refund_no, f.order_id, f.amount, f.refunded_at, f.refunded_on, f.words AS reason, f.is_taken,
    CASE WHEN f.order_id IS NULL THEN b.customer_id ELSE o.customer_id END AS customer_id
  FROM chunk_refunds f LEFT JOIN orders_order o ON o.id = f.order_id
  LEFT JOIN chunk_buyers b ON b.buyer_key = f.buyer_key
"""

CHANGED_REFUNDS = f"""
UPDATE orders_refund r SET {", ".join(f"{name} = f.{name}" for name in _VALUES)}, import_id = nullif(%(import_file)s, 0)
FROM ({_TOLD}) f WHERE f.is_taken AND r.id = f.old_id
  AND ({", ".join(f"r.{name}" for name in _VALUES)}) IS DISTINCT FROM ({", ".join(f"f.{name}" for name in _VALUES)});
"""  # noqa: S608  names of our own columns

NEW_REFUNDS = f"""
INSERT INTO orders_refund (shop_id, external_id, {_NAMES}, import_id, created_at)
SELECT %(shop)s, refund_no, {_NAMES}, nullif(%(import_file)s, 0), now()
FROM ({_TOLD}) f WHERE f.is_taken AND f.old_id IS NULL ORDER BY refund_no;
"""  # noqa: S608

# Refunds belong to whom their order belongs to, also those that this chunk does not tell about.
FOLLOWING_REFUNDS = """
UPDATE orders_refund r SET customer_id = c.customer_id FROM chunk_changed c
WHERE r.order_id = c.id AND r.customer_id IS DISTINCT FROM c.customer_id;
"""
