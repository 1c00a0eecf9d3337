"""The statements that turn staged rows into customers, products, orders, lines and refunds.

They run in this order over one chunk of whole orders, in one transaction, under the shop's lock. New rows are
inserted, only changed ones are updated, and everything happens in key order. `{stage}` is the staging table.

Which news wins: the platform's time of change where both sides know it, else the state that is further on. What the
file leaves empty never empties what is known.
"""

# How far an order has come. Closed and refunded orders do not come back without a newer time of change.
PROGRESS = """CASE {0} WHEN 'created' THEN 1 WHEN 'paid' THEN 2 WHEN 'shipped' THEN 3 WHEN 'delivered' THEN 4
  WHEN 'completed' THEN 5 WHEN 'refunding' THEN 6 WHEN 'closed' THEN 7 ELSE 8 END"""

# What is derived of amount and unit price is derived here: writing the table twice would cost more than reading it.
ROWS = """
CREATE TEMP TABLE chunk_rows ON COMMIT DROP AS
SELECT row_no, item, kind, order_no, buyer_key, buyer_original, buyer_name, phone, email, city, country,
  placed_at, paid_at, shipped_at, delivered_at, source_updated_at, state, platform_state, sku, product_name, category, quantity,
  coalesce(unit_price, round(amount / quantity, 4)) AS unit_price,
  coalesce(amount, round(quantity * unit_price, %(digits)s)) AS amount,
  total, paid, refund, refund_no, refunded_at, reason, extra, fix_of, fix_row,
  CASE WHEN kind IN ('l', 'x') THEN
    (row_number() OVER (PARTITION BY order_no, kind IN ('l', 'x') ORDER BY row_no, item))::int END AS place
FROM {stage} WHERE order_no > %(after)s AND order_no <= %(upto)s;
"""

KINDS = """
SELECT coalesce(bool_or(kind = 'x'), false), coalesce(bool_or(fix_of IS NOT NULL), false),
  coalesce(bool_or(kind IN ('r', 'f') OR refund IS NOT NULL), false)
FROM chunk_rows
"""

# A corrected row takes the place that its rejection kept free; one whose order was unknown then gets a place far out.
FIXED_PLACES = """
UPDATE chunk_rows c SET place = coalesce(
  (SELECT r.line_no FROM orders_rejectedrow r JOIN orders_importfile i ON i.id = r.import_file_id
   WHERE i.shop_id = %(shop)s AND r.import_file_id = c.fix_of AND r.row_no = c.fix_row AND r.order_no = c.order_no),
  1000000 + (c.fix_of %% 1000) * 2000000 + c.fix_row %% 2000000)
WHERE c.fix_of IS NOT NULL AND c.kind = 'l';
"""

KEPT_PLACES = """
UPDATE orders_rejectedrow r SET order_no = c.order_no, line_no = c.place
FROM chunk_rows c WHERE c.kind = 'x' AND r.import_file_id = %(import_file)s AND r.row_no = c.row_no;
"""

ORDERS = """
CREATE TEMP TABLE chunk_orders ON COMMIT DROP AS
SELECT order_no, min(placed_at) AS placed_at, min(paid_at) AS paid_at, max(shipped_at) AS shipped_at,
  max(delivered_at) AS delivered_at, max(source_updated_at) AS source_updated_at, max(state) AS state,
  max(platform_state) AS platform_state, {over_rows}(total) AS total, {over_rows}(paid) AS paid,
  -- A file says of a paid order that it was closed or refunded, and not how much was given back: all of it.
  coalesce({over_rows}(refund), CASE WHEN %(import_file)s > 0 AND max(state) <= 1 AND min(paid_at) IS NOT NULL
    AND max(fix_of) IS NULL THEN coalesce({over_rows}(paid), {over_rows}(total), sum(amount)) END) AS refund,
  sum(amount) FILTER (WHERE kind = 'l') AS lines_amount,
  count(*) FILTER (WHERE kind = 'l') AS lines, count(*) FILTER (WHERE coalesce(item, 1) = 1) AS rows,
  max(buyer_key) AS buyer_key, max(extra) AS extra,
  bool_or(fix_of IS NOT NULL) AS is_fix
FROM chunk_rows WHERE kind IN ('l', 'o') GROUP BY order_no;
"""

PEOPLE = """
SELECT buyer_key, max(buyer_original), max(buyer_name), max(phone), max(email), max(city), max(country)
FROM chunk_rows WHERE buyer_key IS NOT NULL AND kind IN ('l', 'o', 'r') GROUP BY buyer_key ORDER BY buyer_key
"""

BUYERS = "CREATE TEMP TABLE chunk_buyers (buyer_key text, customer_id bigint) ON COMMIT DROP;"

PRODUCTS = """
INSERT INTO orders_product (shop_id, sku, name, category, created_at)
SELECT DISTINCT ON (c.sku) %(shop)s, c.sku, coalesce(c.product_name, ''), coalesce(c.category, ''), now()
FROM chunk_rows c LEFT JOIN orders_product p ON p.shop_id = %(shop)s AND p.sku = c.sku
WHERE c.kind = 'l' AND c.sku IS NOT NULL AND p.id IS NULL
ORDER BY c.sku, (c.product_name IS NULL), c.row_no
ON CONFLICT (shop_id, sku) DO NOTHING;
"""

PRODUCT_NAMES = """
UPDATE orders_product p SET name = coalesce(nullif(p.name, ''), c.name),
  category = coalesce(nullif(p.category, ''), c.category)
FROM (SELECT sku, coalesce(min(product_name), '') AS name, coalesce(min(category), '') AS category
      FROM chunk_rows WHERE kind = 'l' GROUP BY sku) c
WHERE p.shop_id = %(shop)s AND p.sku = c.sku AND (p.name = '' AND c.name <> '' OR p.category = '' AND c.category <> '');
"""

# Refunds of the chunk: those that name no order are summed per number, those of an order may be several.
REFUNDS = """
CREATE TEMP TABLE chunk_refunds ON COMMIT DROP AS
SELECT c.order_no AS refund_no, NULL::text AS order_no, max(c.buyer_key) AS buyer_key, sum(c.amount) AS amount,
  min(c.refunded_at) AS refunded_at, max(c.reason) AS reason, count(*) AS rows, bool_or(c.fix_of IS NOT NULL) AS is_fix
FROM chunk_rows c WHERE c.kind = 'r' GROUP BY c.order_no
UNION ALL
SELECT c.refund_no, min(c.order_no), NULL, sum(c.amount), min(c.refunded_at), max(c.reason), 0, false
FROM chunk_rows c WHERE c.kind = 'f' GROUP BY c.refund_no
UNION ALL
SELECT o.order_no, o.order_no, NULL, o.refund,
  coalesce(max(c.refunded_at), o.source_updated_at, o.paid_at, o.placed_at),
  max(c.reason), 0, false
FROM chunk_orders o JOIN chunk_rows c USING (order_no)
WHERE o.refund IS NOT NULL GROUP BY o.order_no, o.refund, o.source_updated_at, o.paid_at, o.placed_at;
"""

# A refund is its number's whole amount: half of its rows would be a wrong figure.
REJECTED_REFUNDS = """
WITH doubtful AS (
  SELECT f.refund_no, CASE WHEN x.order_no IS NOT NULL THEN 'refund_incomplete' ELSE 'refund_exists' END AS code
  FROM chunk_refunds f
  LEFT JOIN (SELECT DISTINCT order_no FROM chunk_rows WHERE kind = 'x') x ON x.order_no = f.refund_no
  LEFT JOIN orders_refund r ON r.shop_id = %(shop)s AND r.external_id = f.refund_no
  WHERE f.order_no IS NULL AND f.rows > 0 AND (x.order_no IS NOT NULL OR (f.is_fix AND r.amount <> f.amount))
), gone AS (DELETE FROM chunk_refunds f USING doubtful d WHERE d.refund_no = f.refund_no)
INSERT INTO orders_rejectedrow (import_file_id, row_no, "column", code, reason, raw, order_no)
SELECT %(import_file)s, c.row_no, '', d.code, '', c.extra::jsonb, c.order_no
FROM chunk_rows c JOIN doubtful d ON d.refund_no = c.order_no WHERE c.kind = 'r'
ON CONFLICT (import_file_id, row_no) DO NOTHING RETURNING code;
"""

# Lines of an order that this chunk does not bring: those at places kept for rejected rows, and for a file of
# corrections all others.
OTHER_LINES = """
WITH special AS (
  SELECT t.order_no, t.is_fix, o.id FROM chunk_orders t
  JOIN orders_order o ON o.shop_id = %(shop)s AND o.external_id = t.order_no
  WHERE t.is_fix OR t.order_no IN (SELECT order_no FROM chunk_rows WHERE kind = 'x')
), places AS (
  SELECT c.order_no, c.place, c.kind FROM chunk_rows c JOIN special USING (order_no) WHERE c.kind IN ('l', 'x')
), others AS (
  SELECT s.order_no, sum(l.amount) AS amount FROM special s JOIN orders_orderline l ON l.order_id = s.id
  LEFT JOIN places p ON p.order_no = s.order_no AND p.place = l.line_no
  WHERE p.kind = 'x' OR (s.is_fix AND p.kind IS NULL) GROUP BY s.order_no)
UPDATE chunk_orders t SET lines_amount = coalesce(t.lines_amount, 0) + o.amount FROM others o
WHERE o.order_no = t.order_no;
"""

MERGED = """
CREATE TEMP TABLE chunk_merged ON COMMIT DROP AS
WITH news AS (
  SELECT c.*, o.id, b.customer_id AS buyer, o.customer_id AS old_customer, o.state AS old_state,
    o.platform_state AS old_platform_state, o.placed_at AS old_placed_at, o.paid_at AS old_paid_at,
    o.shipped_at AS old_shipped_at, o.delivered_at AS old_delivered_at, o.total_amount AS old_total,
    o.paid_amount AS old_paid, o.refunded_amount AS old_refunded, o.source_updated_at AS old_source_updated_at,
    o.extra AS old_extra,
    (ARRAY['closed', 'refunded', 'created', 'refunding', 'paid', 'shipped', 'delivered', 'completed'])
      [c.state + 1] AS new_state,
    coalesce((SELECT sum(r.amount) FROM orders_refund r WHERE r.order_id = o.id
              AND NOT EXISTS (SELECT FROM chunk_refunds f WHERE f.refund_no = r.external_id)), 0)
      + coalesce((SELECT sum(f.amount) FROM chunk_refunds f WHERE f.order_no = c.order_no), 0) AS refunded
  FROM chunk_orders c
  LEFT JOIN orders_order o ON o.shop_id = %(shop)s AND o.external_id = c.order_no
  LEFT JOIN chunk_buyers b ON b.buyer_key = c.buyer_key
), judged AS (
  SELECT *, id IS NOT NULL AND NOT is_fix AND CASE
      WHEN source_updated_at IS NOT NULL AND old_source_updated_at IS NOT NULL
        AND source_updated_at <> old_source_updated_at THEN source_updated_at < old_source_updated_at
      ELSE {progress_new} < {progress_old} END AS is_older
  FROM news
), filled AS (
  SELECT order_no, id, is_fix, is_older, lines, rows, buyer_key, refunded,
    coalesce(buyer, old_customer) AS customer_id,
    CASE WHEN is_fix AND id IS NOT NULL THEN old_state
      ELSE coalesce(new_state, old_state, CASE WHEN paid_at IS NULL THEN 'created' ELSE 'paid' END) END AS state,
    coalesce(platform_state, old_platform_state, '') AS platform_state,
    CASE WHEN is_fix THEN coalesce(old_placed_at, placed_at) ELSE placed_at END AS placed_at,
    CASE WHEN is_fix THEN coalesce(old_paid_at, paid_at) ELSE coalesce(paid_at, old_paid_at) END AS paid_at,
    coalesce(shipped_at, old_shipped_at) AS shipped_at, coalesce(delivered_at, old_delivered_at) AS delivered_at,
    coalesce(total, CASE WHEN lines > 0 OR old_total IS NULL THEN lines_amount END, old_total, paid, 0) AS total_amount,
    -- A payment that differed from the total was told, not derived: it stays until it is told anew.
    coalesce(paid, CASE WHEN old_paid_at IS NOT NULL AND old_paid <> old_total THEN old_paid END) AS paid,
    coalesce(source_updated_at, old_source_updated_at) AS source_updated_at,
    coalesce(old_extra, '{{}}'::jsonb) || coalesce(jsonb_strip_nulls(extra::jsonb), '{{}}'::jsonb) AS extra
  FROM judged
), paid AS (
  SELECT *, CASE WHEN paid_at IS NULL THEN 0 ELSE coalesce(paid, total_amount) END AS paid_amount,
    (paid_at AT TIME ZONE %(zone)s)::date AS paid_on
  FROM filled
)
SELECT order_no, id, is_fix, is_older, lines, rows, buyer_key, customer_id, platform_state, placed_at, paid_at, paid_on,
  shipped_at, delivered_at, total_amount, paid_amount, refunded AS refunded_amount, source_updated_at, extra,
  CASE WHEN paid_amount > 0 AND refunded >= paid_amount THEN 'refunded' ELSE state END AS state,
  id IS NULL AS is_new, false AS is_changed
FROM paid ORDER BY order_no;
""".format(progress_new=PROGRESS.format("new_state"), progress_old=PROGRESS.format("old_state"))  # noqa: S608

_COLUMNS = (
    "customer_id", "state", "platform_state", "placed_at", "paid_at", "paid_on", "shipped_at", "delivered_at",
    "total_amount", "paid_amount", "refunded_amount", "source_updated_at", "extra",
)  # fmt: skip

CHANGED_ORDERS = f"""
WITH changed AS (
  UPDATE orders_order o SET {", ".join(f"{name} = m.{name}" for name in _COLUMNS)}, updated_at = now()
  FROM chunk_merged m
  WHERE o.id = m.id AND NOT m.is_older
    AND ({", ".join(f"o.{name}" for name in _COLUMNS)}) IS DISTINCT FROM ({", ".join(f"m.{name}" for name in _COLUMNS)})
  RETURNING o.id)
UPDATE chunk_merged m SET is_changed = true FROM changed c WHERE c.id = m.id;
"""  # noqa: S608  names of our own columns

NEW_ORDERS = f"""
WITH made AS (
  INSERT INTO orders_order (shop_id, external_id, {", ".join(_COLUMNS)}, created_at, updated_at)
  SELECT %(shop)s, order_no, {", ".join(_COLUMNS)}, now(), now() FROM chunk_merged WHERE is_new ORDER BY order_no
  RETURNING id, external_id)
UPDATE chunk_merged m SET id = made.id FROM made WHERE made.external_id = m.order_no;
"""  # noqa: S608

LINES = """
CREATE TEMP TABLE chunk_lines ON COMMIT DROP AS
SELECT m.id AS order_id, m.is_new, c.kind, c.place AS line_no, p.id AS product_id, coalesce(c.sku, '') AS sku,
  coalesce(c.product_name, '') AS name, c.quantity, c.unit_price, c.amount
FROM chunk_rows c JOIN chunk_merged m USING (order_no)
LEFT JOIN orders_product p ON p.shop_id = %(shop)s AND p.sku = c.sku
WHERE c.kind IN ('l', 'x') AND NOT m.is_older;
"""

_LINE = ("product_id", "sku", "name", "quantity", "unit_price", "amount")
_LINE_NAMES = ", ".join(_LINE)
_OLD, _NEW = (", ".join(f"{table}.{name}" for name in _LINE) for table in "lc")

NEW_LINES = f"""
INSERT INTO orders_orderline (order_id, line_no, {_LINE_NAMES})
SELECT order_id, line_no, {_LINE_NAMES} FROM chunk_lines WHERE is_new AND kind = 'l' ORDER BY order_id, line_no;
"""  # noqa: S608  names of our own columns

# Orders that were there before: their lines are compared once, and what differs is written.
DIFFERENT_LINES = f"""
CREATE TEMP TABLE chunk_different ON COMMIT DROP AS
SELECT c.*, l.order_id IS NULL AS is_missing
FROM chunk_lines c LEFT JOIN orders_orderline l ON l.order_id = c.order_id AND l.line_no = c.line_no
WHERE NOT c.is_new AND c.kind = 'l' AND (l.order_id IS NULL OR ({_OLD}) IS DISTINCT FROM ({_NEW}));
"""  # noqa: S608

CHANGED_LINES = f"""
UPDATE orders_orderline l SET {", ".join(f"{name} = c.{name}" for name in _LINE)}
FROM chunk_different c WHERE NOT c.is_missing AND l.order_id = c.order_id AND l.line_no = c.line_no
RETURNING l.order_id;
"""  # noqa: S608

ADDED_LINES = f"""
INSERT INTO orders_orderline (order_id, line_no, {_LINE_NAMES})
SELECT order_id, line_no, {_LINE_NAMES} FROM chunk_different WHERE is_missing ORDER BY order_id, line_no
RETURNING order_id;
"""  # noqa: S608

# Lines that the platform no longer shows. A file of corrections shows only some, and rejected rows keep their places.
GONE_LINES = """
DELETE FROM orders_orderline d USING (
  SELECT l.order_id, l.line_no FROM chunk_merged m JOIN orders_orderline l ON l.order_id = m.id
  LEFT JOIN chunk_lines c ON c.order_id = l.order_id AND c.line_no = l.line_no
  WHERE NOT m.is_new AND NOT m.is_older AND NOT m.is_fix AND m.lines > 0 AND c.order_id IS NULL) g
WHERE d.order_id = g.order_id AND d.line_no = g.line_no
RETURNING d.order_id;
"""

TOUCHED_ORDERS = """
WITH touched AS (UPDATE orders_order SET updated_at = now() WHERE id = ANY(%(ids)s) RETURNING id)
UPDATE chunk_merged m SET is_changed = true FROM touched t WHERE t.id = m.id;
"""

_REFUND = ("customer_id", "order_id", "amount", "refunded_at", "refunded_on", "reason")

REFUND_ROWS = """
CREATE TEMP TABLE chunk_refund_rows ON COMMIT DROP AS
SELECT f.refund_no, m.id AS order_id, f.amount, f.refunded_at,
  (f.refunded_at AT TIME ZONE %(zone)s)::date AS refunded_on, left(coalesce(f.reason, ''), 200) AS reason,
  CASE WHEN f.order_no IS NULL THEN b.customer_id ELSE m.customer_id END AS customer_id
FROM chunk_refunds f
LEFT JOIN chunk_merged m ON m.order_no = f.order_no
LEFT JOIN chunk_buyers b ON b.buyer_key = f.buyer_key
WHERE f.order_no IS NULL OR NOT m.is_older;
"""

CHANGED_REFUNDS = f"""
UPDATE orders_refund r SET {", ".join(f"{name} = f.{name}" for name in _REFUND)}
FROM chunk_refund_rows f
WHERE r.shop_id = %(shop)s AND r.external_id = f.refund_no
  AND ({", ".join(f"r.{name}" for name in _REFUND)}) IS DISTINCT FROM ({", ".join(f"f.{name}" for name in _REFUND)});
"""  # noqa: S608

NEW_REFUNDS = f"""
INSERT INTO orders_refund (shop_id, external_id, {", ".join(_REFUND)}, created_at)
SELECT %(shop)s, f.refund_no, {", ".join(f"f.{name}" for name in _REFUND)}, now()
FROM chunk_refund_rows f LEFT JOIN orders_refund r ON r.shop_id = %(shop)s AND r.external_id = f.refund_no
WHERE r.id IS NULL AND f.amount > 0 ORDER BY f.refund_no;
"""  # noqa: S608

COUNTS = """
SELECT
  coalesce(sum(rows) FILTER (WHERE buyer_key IS NOT NULL), 0) AS identified_rows,
  coalesce(sum(rows) FILTER (WHERE buyer_key IS NULL), 0) AS anonymous_rows,
  (SELECT coalesce(sum(rows), 0) FROM chunk_refunds) AS refund_rows,
  count(*) FILTER (WHERE is_new) AS orders_created,
  count(*) FILTER (WHERE is_changed AND NOT is_new) AS orders_updated,
  count(*) FILTER (WHERE NOT is_changed AND NOT is_new) AS orders_unchanged,
  count(*) FILTER (WHERE buyer_key IS NULL) AS anonymous_orders,
  coalesce(sum(paid_amount) FILTER (WHERE buyer_key IS NOT NULL), 0) AS identified_amount,
  coalesce(sum(paid_amount) FILTER (WHERE buyer_key IS NULL), 0) AS anonymous_amount,
  (SELECT coalesce(sum(amount), 0) FROM chunk_refunds) AS refund_amount
FROM chunk_merged
"""
