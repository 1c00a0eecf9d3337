"""Rows that wait for their order: lines of a detail file, and refunds, whose order no file has brought yet.

They are kept as staged, with the place that they will take, and join the order's other rows when it arrives, from
whatever file or program. A later file's lines replace those of an earlier one, as they do in an order that is there.
"""

from collections.abc import Mapping

from django.db.backends.utils import CursorWrapper

from orders.importers.apply_sql import ORDER_OF_NUMBER
from orders.models import ParkedRow

# Lines that the arriving rows themselves tell are newer than parked ones; a correction tells only some of them.
HOME = """
CREATE TEMP TABLE chunk_home ON COMMIT DROP AS
SELECT p.*, NOT t.has_lines AND (p.row ? 'fix_of' OR p.import_file_id IS NOT DISTINCT FROM
    max(p.import_file_id) FILTER (WHERE NOT p.row ? 'fix_of') OVER (PARTITION BY p.order_no, p.row ->> 'kind'))
  OR p.row ->> 'kind' = 'f' AND p.import_file_id IS NOT DISTINCT FROM
    max(p.import_file_id) OVER (PARTITION BY p.order_no, p.row ->> 'refund_no') AS is_wanted
FROM orders_parkedrow p
JOIN (SELECT order_no, bool_or(kind IN ('l', 'd') AND fix_of IS NULL) AS has_lines FROM chunk_rows
      WHERE kind IN ('l', 'o', 'd') GROUP BY order_no HAVING bool_or(kind IN ('l', 'o'))) t
  ON t.order_no = p.order_no
WHERE p.shop_id = %(shop)s
"""

COME_HOME = """
INSERT INTO chunk_rows
SELECT (jsonb_populate_record(NULL::chunk_rows, row || '{"is_home": true, "fix_of": null}')).* FROM chunk_home
WHERE is_wanted;
DELETE FROM orders_parkedrow p USING chunk_home h WHERE h.id = p.id;
"""

PARK = f"""
WITH headless AS (
  SELECT order_no FROM chunk_rows WHERE kind IN ('l', 'o', 'd', 'f') GROUP BY order_no
  HAVING NOT bool_or(kind IN ('l', 'o'))
), homeless AS (
  DELETE FROM chunk_rows c USING headless h
  WHERE c.order_no = h.order_no AND c.kind IN ('d', 'f') AND NOT EXISTS (
    SELECT FROM orders_order o WHERE {ORDER_OF_NUMBER.format(number="h.order_no")})
  RETURNING c.*
), parked AS (
  INSERT INTO orders_parkedrow (shop_id, order_no, import_file_id, row_no, row, parked_at)
  SELECT %(shop)s, order_no, %(import_file)s, row_no, jsonb_strip_nulls(to_jsonb(homeless)), now() FROM homeless
  ORDER BY order_no, row_no
  ON CONFLICT (shop_id, order_no, import_file_id, row_no) DO UPDATE SET row = excluded.row)
SELECT count(*) FROM homeless
"""  # noqa: S608  our own words


def has_waiting(shop_id: int) -> bool:
    """Whether any row of this shop waits for its order."""
    return ParkedRow.objects.filter(shop_id=shop_id).exists()


def bring_home(cursor: CursorWrapper, values: Mapping[str, str | int]) -> None:
    """Rows that waited for an order of this chunk join it (`chunk_home` remembers them) and wait no longer."""
    cursor.execute(HOME, values)
    cursor.execute(COME_HOME)


def park(cursor: CursorWrapper, values: Mapping[str, str | int]) -> int:
    """Take rows out of the chunk whose order is neither in it nor known. Returns how many."""
    cursor.execute(PARK, values)
    return int(cursor.fetchone()[0])
