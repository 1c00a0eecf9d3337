"""Two orders of one number, told apart by the platform's own identifier.

A Shopify store that was reset, or moved, numbers its orders from #1001 once more. The file's column `Id` tells them
apart: the order that was known first keeps its number, the other one is kept as `#1001 (5 213 …)`, the identifier in
brackets, so that neither is written over the other and the next import finds both again.
"""

from django.db import connection

from customers.models import Shop
from orders.importers.apply_sql import ORDER_OF_NUMBER

# The first rows of orders, with their identifiers; and of each number the identifier that keeps it: that of the order
# which is known, else the file's first. What is not all digits a spreadsheet has spoiled: it tells nothing apart.
_PART = """
WITH heads AS (
  SELECT row_no, order_no, extra::jsonb ->> %(column)s AS own FROM {stage} WHERE kind = 'l' AND extra IS NOT NULL
), told AS (
  SELECT h.*, lead(row_no) OVER same AS next_row, first_value(own) OVER same AS first_own
  FROM heads h WHERE own ~ '^[0-9]{{4,20}}$' WINDOW same AS (PARTITION BY order_no ORDER BY row_no)
), weighed AS (
  SELECT t.*, substring(o.extra ->> %(column)s FROM '^[0-9]{{4,20}}$') AS known_own
  FROM told t LEFT JOIN LATERAL (
    SELECT extra FROM orders_order o WHERE {known} LIMIT 1
  ) o ON true
), twins AS (
  SELECT row_no, next_row, order_no, left(order_no, 77 - length(own)) || ' (' || own || ')' AS number
  FROM weighed WHERE own <> coalesce(known_own, first_own)
), renumbered AS (
  UPDATE {stage} c SET order_no = t.number FROM twins t
  WHERE c.order_no = t.order_no AND c.row_no >= t.row_no AND (t.next_row IS NULL OR c.row_no < t.next_row))
SELECT count(DISTINCT number) FROM twins
"""

# A corrected row belongs to the order that its rejection was put aside for.
_FOLLOW = """
UPDATE {stage} c SET order_no = r.order_no FROM orders_rejectedrow r
WHERE c.fix_of IS NOT NULL AND r.import_file_id = c.fix_of AND r.row_no = c.fix_row
  AND r.order_no LIKE replace(replace(replace(c.order_no, '\\', '\\\\'), '%%', '\\%%'), '_', '\\_') || ' (%%)'
"""


def part(stage: str, shop: Shop, column: str) -> int:
    """Give orders of a staging table another number where it is taken by somebody else; return how many these are.

    `column` holds the identifier. Doing it again changes nothing. In a transaction, before anything is written.
    """
    values: dict[str, int | str] = {"shop": shop.pk, "column": column}
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW.format(stage=stage), values)
        cursor.execute(_PART.format(stage=stage, known=ORDER_OF_NUMBER.format(number="t.order_no")), values)
        return int(cursor.fetchone()[0])
