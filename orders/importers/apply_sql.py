"""The statements that turn staged rows into orders: what the rows of an order say together, and who wins.

They run over one chunk of whole orders, in one transaction, under the shop's lock. New orders are inserted, of known
ones only those that changed are written, and everything happens in key order. Lines: line_sql.py, refunds:
refund_sql.py, rows that wait for their order: parking.py. Names in braces are filled in by applying.py.

Which news wins: the platform's time of change where both sides know it, else the state that is further on. What the
file leaves empty never empties what is known, and older news fills in what nobody has told yet.
"""

# How far an order has come. Closed and refunded orders do not come back without a newer time of change.
PROGRESS = """CASE {0} WHEN 'created' THEN 1 WHEN 'paid' THEN 2 WHEN 'shipped' THEN 3 WHEN 'delivered' THEN 4
  WHEN 'completed' THEN 5 WHEN 'refunding' THEN 6 WHEN 'closed' THEN 7 ELSE 8 END"""

# A line's number in its order. Rejected lines keep places that no other line takes, in whatever order a file comes.
_PLACE = """CASE WHEN kind = 'x' THEN 900000 + count(*) FILTER (WHERE kind = 'x') OVER in_order
    ELSE count(*) FILTER (WHERE kind IN ('l', 'd')) OVER in_order END::int"""
_IN_ORDER = "in_order AS (PARTITION BY order_no ORDER BY row_no, item)"

# The chunk's rows. A view of the staging table, unless rows have to be changed, parked or added: then a table.
ROWS = f"""
CREATE TEMP {{form}} chunk_rows AS
SELECT row_no, item, kind, order_no, buyer_key, buyer_original, buyer_name, phone, email, city, country, loyalty_no,
  wechat_id, masked_phone, address, birthday, tags, joined_at, placed_at, paid_at, shipped_at, delivered_at,
  source_updated_at, state, platform_state, sku, product_name, category, quantity,
  coalesce(unit_price, round(amount / quantity, 4)) AS unit_price,
  coalesce(amount, round(quantity * unit_price, %(digits)s)) AS amount,
  total, paid, refund, refund_no, refunded_at, reason, extra, fix_of, fix_row, digest, false AS is_home,
  {_PLACE} AS place
FROM {{stage}} WHERE order_no > %(after)s AND order_no <= %(upto)s {{but}} WINDOW {_IN_ORDER};
"""  # noqa: S608  our own words

# Grouped first: an aggregate of distinct values would sort the whole table.
KINDS = """
SELECT coalesce(array_agg(kind), '{{}}'), coalesce(bool_or(corrects), false)
FROM (SELECT kind, bool_or(fix_of IS NOT NULL) AS corrects FROM {stage} GROUP BY kind) found
"""

# A corrected row takes the place that its rejection kept free; one whose order was unknown then gets a place far out.
_FREED = """coalesce(
  (SELECT r.line_no FROM orders_rejectedrow r JOIN orders_importfile i ON i.id = r.import_file_id
   WHERE i.shop_id = %(shop)s AND r.import_file_id = c.fix_of AND r.row_no = c.fix_row AND r.order_no = c.order_no),
  1000000 + (c.fix_of %% 1000) * 2000000 + c.fix_row %% 2000000)"""

FIXED_PLACES = f"UPDATE chunk_rows c SET place = {_FREED} WHERE c.fix_of IS NOT NULL AND c.kind IN ('l', 'd')"  # noqa: S608

# Rejected lines keep a place for the day they come back corrected, also when they come back wrong once more.
KEPT_PLACES = f"""
UPDATE orders_rejectedrow kept SET order_no = c.order_no,
  line_no = CASE WHEN c.fix_of IS NULL THEN c.place ELSE {_FREED} END
FROM (
  SELECT row_no, order_no, kind, fix_of, fix_row, {_PLACE} AS place
  FROM {{stage}} WHERE order_no IN (SELECT order_no FROM {{stage}} WHERE kind = 'x') WINDOW {_IN_ORDER}) c
WHERE c.kind = 'x' AND kept.import_file_id = %(import_file)s AND kept.row_no = c.row_no;
"""  # noqa: S608  our own words

# What a SKU is called by the first row that gives it a name. Found by row number: sorting all rows by SKU takes longer.
PRODUCTS = """
INSERT INTO orders_product (shop_id, sku, name, category, created_at)
SELECT DISTINCT ON (c.sku) %(shop)s, c.sku, coalesce(c.product_name, ''), coalesce(c.category, ''), now()
FROM (
  SELECT c.sku, coalesce(min(c.row_no) FILTER (WHERE c.product_name IS NOT NULL), min(c.row_no)) AS row_no
  FROM {stage} c LEFT JOIN orders_product p ON p.shop_id = %(shop)s AND p.sku = c.sku
  WHERE c.kind IN ('l', 'd') AND c.sku IS NOT NULL AND p.id IS NULL GROUP BY c.sku) first
JOIN {stage} c ON c.row_no = first.row_no AND c.sku = first.sku AND c.kind IN ('l', 'd')
ORDER BY c.sku, (c.product_name IS NULL), c.item
ON CONFLICT (shop_id, sku) DO NOTHING;
"""

PRODUCT_NAMES = """
UPDATE orders_product p SET name = coalesce(nullif(p.name, ''), c.name),
  category = coalesce(nullif(p.category, ''), c.category)
FROM (SELECT c.sku, coalesce(min(c.product_name), '') AS name, coalesce(min(c.category), '') AS category
      FROM {stage} c JOIN orders_product p ON p.shop_id = %(shop)s AND p.sku = c.sku
      WHERE c.kind IN ('l', 'd') AND (p.name = '' OR p.category = '') GROUP BY c.sku) c
WHERE p.shop_id = %(shop)s AND p.sku = c.sku AND (p.name = '' AND c.name <> '' OR p.category = '' AND c.category <> '');
"""

# One order, looked up by its number alone: a join would read the whole table for every chunk. The sum keeps the index
# by shop and day out of it, which looks as good for a shop that the statistics do not know yet, and reads all of it.
ORDER_OF_NUMBER = 'o.external_id = {number} COLLATE "default" AND o.shop_id + 0 = %(shop)s'

#: Raised where these statements come to make something else of the same rows: then nothing was told just so before.
MEANING = 1

# All that the rows of an order say, as one number. Equal rows that come twice count twice.
DIGEST = "((sum(digest) + %(seed)s) %% 9223372036854775783)::bigint"

# Whether some of the first orders were written by an import that said all of them: then many may be the same.
MAY_BE_SAME = f"""
SELECT EXISTS (
  SELECT FROM (SELECT DISTINCT order_no FROM {{stage}} WHERE order_no > %(after)s AND order_no <= %(upto)s
               ORDER BY order_no LIMIT 200) first
  CROSS JOIN LATERAL (
    SELECT digest FROM orders_order o WHERE {ORDER_OF_NUMBER.format(number="first.order_no")} LIMIT 1) o
  WHERE o.digest IS NOT NULL)
"""  # noqa: S608

NO_SAME = """
CREATE TEMP TABLE chunk_same (order_no text COLLATE "C", rows bigint, customer_id bigint, paid_amount numeric,
  refund numeric) ON COMMIT DROP;
"""

# Orders of which these rows say what the import said that wrote them last: telling it twice changes nothing. Whoever
# else writes an order empties its digest.
SAME = f"""
INSERT INTO chunk_same
SELECT s.order_no, s.rows, o.customer_id, o.paid_amount, CASE WHEN o.refunded_amount > 0 THEN (
    SELECT amount FROM orders_refund r WHERE r.shop_id = %(shop)s AND r.external_id = s.order_no COLLATE "default"
      AND r.order_id = o.id) END
FROM (
  SELECT order_no, {DIGEST} AS digest, bool_or(buyer_key IS NOT NULL) AS has_buyer,
    count(*) FILTER (WHERE coalesce(item, 1) = 1) AS rows
  FROM {{stage}} WHERE order_no > %(after)s AND order_no <= %(upto)s AND kind IN ('l', 'o') GROUP BY order_no) s
CROSS JOIN LATERAL (
  SELECT id, digest, customer_id, paid_amount, refunded_amount FROM orders_order o
  WHERE {ORDER_OF_NUMBER.format(number="s.order_no")} LIMIT 1) o
WHERE o.digest = s.digest AND (o.customer_id IS NOT NULL OR NOT s.has_buyer);
"""  # noqa: S608

# What the rows of an order say together, beside what is known of it. A row of kind d tells about a line only: staging
# has emptied its other cells.
ORDERS = f"""
CREATE TEMP TABLE chunk_orders ON COMMIT DROP AS
SELECT t.*, b.customer_id AS buyer,
  coalesce(o.id, nextval((SELECT pg_get_serial_sequence('orders_order', 'id')::regclass))) AS id,
  o.id IS NULL AS is_new, o.import_id AS old_import_id, o.customer_id AS old_customer_id, o.state AS old_state,
  o.platform_state AS old_platform_state, o.placed_at AS old_placed_at, o.paid_at AS old_paid_at,
  o.paid_on AS old_paid_on, o.shipped_at AS old_shipped_at, o.delivered_at AS old_delivered_at,
  o.total_amount AS old_total_amount, o.paid_amount AS old_paid_amount, o.refunded_amount AS old_refunded_amount,
  o.source_updated_at AS old_source_updated_at, o.extra AS old_extra, j.is_older,
  NOT j.is_older OR (SELECT l.order_id FROM orders_orderline l WHERE l.order_id = o.id LIMIT 1) IS NULL AS takes_lines
FROM (
  SELECT *, (ARRAY['closed', 'refunded', 'created', 'refunding', 'paid', 'shipped', 'delivered', 'completed'])
    [state_rank + 1] AS state
  FROM (
    SELECT order_no, bool_or(kind <> 'd') AS has_head, min(placed_at) AS placed_at, min(paid_at) AS paid_at,
      max(shipped_at) AS shipped_at, max(delivered_at) AS delivered_at, max(source_updated_at) AS source_updated_at,
      max(state) AS state_rank, max(platform_state) AS platform_state, {{over_rows}}(total) AS total,
      {{over_rows}}(paid) AS paid, {{over_rows}}(refund) AS refund, max(refunded_at) AS refunded_at,
      max(reason) AS reason, CASE WHEN bool_or(kind = 'l') THEN sum(amount) END AS lines_amount,
      count(*) FILTER (WHERE kind <> 'o') AS lines,
      count(*) FILTER (WHERE coalesce(item, 1) = 1 AND NOT is_home) AS rows, max(buyer_key) AS buyer_key,
      max(extra) FILTER (WHERE kind <> 'd') AS extra, max(extra) FILTER (WHERE kind = 'd') AS line_extra,
      bool_or(fix_of IS NOT NULL) AS is_fix, {{digest}} AS digest
    FROM chunk_rows WHERE kind IN ('l', 'o', 'd') GROUP BY order_no) told) t
LEFT JOIN chunk_buyers b ON b.buyer_key = t.buyer_key
LEFT JOIN LATERAL (
  SELECT * FROM orders_order o WHERE {ORDER_OF_NUMBER.format(number="t.order_no")} LIMIT 1
) o ON true
CROSS JOIN LATERAL (SELECT o.id IS NOT NULL AND NOT t.is_fix AND CASE
    WHEN t.source_updated_at <> o.source_updated_at THEN t.source_updated_at < o.source_updated_at
    ELSE {PROGRESS.format("t.state")} < {PROGRESS.format("o.state")} END AS is_older) j
ORDER BY t.order_no;
"""  # noqa: S608

COLUMNS = (
    "customer_id", "state", "platform_state", "placed_at", "paid_at", "paid_on", "shipped_at", "delivered_at",
    "total_amount", "paid_amount", "refunded_amount", "source_updated_at", "extra",
)  # fmt: skip
_NAMES = ", ".join(COLUMNS)
_OLD_NAMES = ", ".join(f"old_{name}" for name in COLUMNS)


def _filled(name: str, news: str = "", *, least: str = "NULL") -> str:
    """The newer side's word, and where it is silent the older side's. A correction only fills in."""
    return f"{_told(name, news, least=least)} AS {name}"


def _told(name: str, news: str = "", *, least: str = "NULL") -> str:
    told, old = news or name, f"old_{name}"
    return f"CASE WHEN is_late THEN coalesce({old}, {told}) ELSE coalesce({told}, {old}, {least}) END"


# All that was paid is known to have been given back: what a platform calls paid is then only what is left of it.
_RETURNED = """old_paid_amount > 0
        AND coalesce(old_refunded_amount, 0) + coalesce(r.change, 0) >= old_paid_amount"""
# The order ended and nothing was paid, says whoever knows last: it is no purchase, whatever was told before. An order
# that cost nothing and was delivered is one. Older news of a payment bring none to an order that ended without.
_UNPAID = f"""CASE WHEN is_older THEN old_state IN ('closed', 'refunded') AND old_paid_at IS NULL
        ELSE NOT is_fix AND c.state IN ('closed', 'refunded') AND paid = 0 AND ({_RETURNED}) IS NOT TRUE END"""

_NOTHING = "jsonb_build_object()"
_EXTRA, _LINE_EXTRA = (f"coalesce(jsonb_strip_nulls({name}::jsonb), {_NOTHING})" for name in ("extra", "line_extra"))

# What an order is after the news. The levels are kept apart (OFFSET 0), so that nothing is worked out twice.
MERGED = f"""
SELECT *, (paid_at AT TIME ZONE %(zone)s)::date AS paid_on,
  CASE WHEN paid_amount > 0 AND refunded_amount >= paid_amount THEN 'refunded' ELSE told_state END AS state
FROM (
  SELECT *, CASE WHEN paid_at IS NULL THEN 0 ELSE coalesce(told_paid, total_amount) END AS paid_amount,
    CASE WHEN is_late THEN old_state
      ELSE coalesce(new_state, old_state, CASE WHEN paid_at IS NULL THEN 'created' ELSE 'paid' END) END AS told_state
  FROM (
    SELECT id, order_no, digest, old_import_id, {_OLD_NAMES}, is_late, c.state AS new_state,
      {_filled("customer_id", "buyer")}, {_filled("platform_state", least="''")}, {_filled("placed_at")},
      {_filled("shipped_at")}, {_filled("delivered_at")}, {_filled("source_updated_at")},
      CASE WHEN {_UNPAID} THEN NULL ELSE {_told("paid_at")} END AS paid_at,
      CASE WHEN is_older THEN old_total_amount
        ELSE coalesce(total, lines_amount, old_total_amount, paid, 0) END AS total_amount,
      -- A payment that differed from the total was told, not derived: it stays until it is told anew.
      coalesce(CASE WHEN NOT is_older THEN CASE WHEN paid = 0 AND {_RETURNED} THEN old_paid_amount ELSE paid END
          WHEN old_paid_at IS NULL AND paid <> total THEN paid END,
        CASE WHEN old_paid_at IS NOT NULL AND old_paid_amount <> old_total_amount THEN old_paid_amount END
      ) AS told_paid,
      coalesce(old_refunded_amount, 0) + coalesce(r.change, 0) AS refunded_amount,
      CASE WHEN coalesce(extra, line_extra) IS NULL THEN coalesce(old_extra, {_NOTHING})
        WHEN is_late THEN {_LINE_EXTRA} || {_EXTRA} || old_extra
        ELSE {_LINE_EXTRA} || coalesce(old_extra, {_NOTHING}) || {_EXTRA} END AS extra
    FROM (SELECT *, NOT is_new AND (is_older OR is_fix) AS is_late FROM chunk_orders WHERE {{which}} OFFSET 0) c
    LEFT JOIN (SELECT order_no, sum(change) AS change FROM chunk_refunds GROUP BY order_no) r USING (order_no)
    OFFSET 0) filled
  OFFSET 0) merged
"""  # noqa: S608  names of our own columns

NEW_ORDERS = f"""
WITH made AS (
  INSERT INTO orders_order (id, shop_id, external_id, {_NAMES}, import_id, digest, created_at, updated_at)
  SELECT id, %(shop)s, order_no, {_NAMES}, nullif(%(import_file)s, 0), digest, now(), now()
  FROM ({MERGED.format(which="is_new")}) m
  RETURNING customer_id, paid_amount)
SELECT coalesce(sum(paid_amount) FILTER (WHERE customer_id IS NOT NULL), 0),
  coalesce(sum(paid_amount) FILTER (WHERE customer_id IS NULL), 0) FROM made;
"""  # noqa: S608

# Known orders that are not what they were: in their own columns, in a line, or in a refund.
CHANGED = f"""
CREATE TEMP TABLE chunk_changed ON COMMIT DROP AS
SELECT id, order_no, digest, old_import_id, {_NAMES} FROM ({MERGED.format(which="NOT is_new")}) m
WHERE ({_NAMES}) IS DISTINCT FROM ({_OLD_NAMES})
  OR id IN (SELECT order_id FROM chunk_different) OR id IN (SELECT order_id FROM chunk_refunds WHERE is_news);
"""  # noqa: S608

CHANGED_ORDERS = f"""
UPDATE orders_order o SET {", ".join(f"{name} = m.{name}" for name in COLUMNS)}, import_id = nullif(%(import_file)s, 0),
  digest = m.digest, updated_at = now()
FROM chunk_changed m WHERE o.id = m.id;
"""  # noqa: S608

# Lines of a known order that this chunk does not bring belong to its sum: those that stand where a row was rejected
# again, and for a file of corrections all others.
_ADD = "UPDATE chunk_orders t SET lines_amount = t.lines_amount + o.amount FROM others o WHERE o.id = t.id"

CORRECTED_LINES = f"""
WITH others AS (
  SELECT t.id, sum(l.amount) AS amount FROM orders_rejectedrow r JOIN chunk_orders t ON t.order_no = r.order_no
  CROSS JOIN LATERAL (
    SELECT amount FROM orders_orderline l WHERE l.order_id = t.id AND l.line_no = r.line_no LIMIT 1) l
  WHERE r.import_file_id = %(import_file)s AND NOT t.is_new AND NOT t.is_fix AND t.lines_amount IS NOT NULL
  GROUP BY t.id)
{_ADD}
"""  # noqa: S608

OTHER_LINES = f"""
WITH others AS (
  SELECT t.id, sum(l.amount) AS amount FROM chunk_orders t JOIN orders_orderline l ON l.order_id = t.id
  LEFT JOIN chunk_rows c ON c.order_no = t.order_no AND c.place = l.line_no AND c.kind IN ('l', 'd')
  WHERE NOT t.is_new AND t.is_fix AND t.lines_amount IS NOT NULL AND c.order_no IS NULL GROUP BY t.id)
{_ADD}
"""  # noqa: S608

# Where rows share the payment among them a correction brings its own share; those of the other rows are in the sum.
OTHER_PAYMENTS = """
UPDATE chunk_orders t SET paid = t.old_paid_amount + coalesce((
  SELECT sum(c.paid) FROM chunk_rows c LEFT JOIN orders_orderline l ON l.order_id = t.id AND l.line_no = c.place
  WHERE c.order_no = t.order_no AND l.order_id IS NULL), 0)
WHERE t.is_fix AND NOT t.is_new AND t.paid IS NOT NULL
"""

COUNTS = """
SELECT
  coalesce(sum(rows) FILTER (WHERE is_known), 0) AS identified_rows,
  coalesce(sum(rows) FILTER (WHERE NOT is_known), 0) AS anonymous_rows,
  (SELECT coalesce(sum(rows), 0) FROM chunk_refunds) AS refund_rows,
  count(*) FILTER (WHERE is_new) AS orders_created,
  (SELECT count(*) FROM chunk_changed) AS orders_updated,
  count(*) FILTER (WHERE NOT is_new) - (SELECT count(*) FROM chunk_changed) AS orders_unchanged,
  count(*) FILTER (WHERE NOT is_known) AS anonymous_orders,
  coalesce(sum(paid) FILTER (WHERE has_head AND is_known), 0) AS identified_amount,
  coalesce(sum(paid) FILTER (WHERE has_head AND NOT is_known), 0) AS anonymous_amount,
  (SELECT coalesce(sum(amount), 0) FROM chunk_refunds)
    + (SELECT coalesce(sum(refund), 0) FROM chunk_same) AS refund_amount
FROM (
  SELECT c.rows, c.is_new, c.has_head, coalesce(c.buyer, c.old_customer_id) IS NOT NULL AS is_known,
    coalesce(m.paid_amount, c.old_paid_amount) AS paid
  FROM chunk_orders c LEFT JOIN chunk_changed m USING (id)
  UNION ALL
  SELECT rows, false, true, customer_id IS NOT NULL, paid_amount FROM chunk_same) told
"""
