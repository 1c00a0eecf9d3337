"""The statements that write what a file tells of customers beside their keys. `chunk_buyers` says who they are."""

# Whoever was erased keeps nothing but the key's digest.
_THERE = "chunk_buyers b JOIN customers_customer c ON c.id = b.customer_id AND NOT c.extra ? 'erased'"

# Customers whom this transaction made count once; every further row is about somebody known.
COUNTS = """
SELECT (SELECT count(DISTINCT c.id) FROM chunk_buyers b JOIN customers_customer c ON c.id = b.customer_id
        WHERE c.created_at = now()),
  (SELECT count(*) FROM chunk_rows WHERE kind = 'c')
"""

TAGS = f"""
SELECT b.customer_id, string_agg(r.tags, E'\\n') FROM chunk_rows r JOIN {_THERE} USING (buyer_key)
WHERE r.kind = 'c' AND r.tags IS NOT NULL GROUP BY b.customer_id
"""  # noqa: S608  our own words

MEMBERS = f"""
SELECT b.customer_id, (min(r.joined_at) AT TIME ZONE %(zone)s)::date, max(r.loyalty_no)
FROM chunk_rows r JOIN {_THERE} USING (buyer_key)
WHERE r.kind = 'c' AND (r.joined_at IS NOT NULL OR r.loyalty_no IS NOT NULL) GROUP BY b.customer_id
"""  # noqa: S608

# Who has a source keeps it: where somebody first came from does not change. Told by several rows, the first counts.
SOURCE = f"""
WITH told AS (
  SELECT b.customer_id AS id, (array_agg(r.source ORDER BY r.row_no))[1] AS source
  FROM {{stage}} r JOIN {_THERE} USING (buyer_key)
  WHERE r.kind = 'c' AND r.source IS NOT NULL AND r.order_no > %(after)s AND r.order_no <= %(upto)s AND c.source = ''
  GROUP BY b.customer_id
), held AS (SELECT c.id FROM customers_customer c JOIN told USING (id) ORDER BY c.id FOR UPDATE OF c)
UPDATE customers_customer c SET source = t.source, updated_at = now() FROM told t JOIN held USING (id) WHERE c.id = t.id
"""  # noqa: S608

# Columns that no field tells are added to those that are known, and replace none.
EXTRA = f"""
WITH told AS (
  SELECT b.customer_id AS id, jsonb_strip_nulls(max(r.extra)::jsonb) AS extra
  FROM chunk_rows r JOIN {_THERE} USING (buyer_key) WHERE r.kind = 'c' AND r.extra IS NOT NULL GROUP BY b.customer_id
), held AS (
  SELECT c.id FROM customers_customer c JOIN told t USING (id) WHERE t.extra || c.extra <> c.extra
  ORDER BY c.id FOR UPDATE OF c)
UPDATE customers_customer c SET extra = t.extra || c.extra, updated_at = now()
FROM told t JOIN held USING (id) WHERE c.id = t.id
"""  # noqa: S608
