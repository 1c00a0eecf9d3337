"""What an import overwrites, kept so that it can be taken back (ImportChange).

Of an order that it changes: `order`, `lines` and `refunds` as they were, and `parked` rows that it fetched home. Of one
that it made there is a row only if rows had been parked for it, or once somebody else has changed it: then nobody may
remove it. A refund that names no order is kept under its own number with a minus.
"""

from collections.abc import Mapping

from django.db.backends.utils import CursorWrapper

_INTO = "INSERT INTO orders_importchange (import_file_id, order_id, before)"

# An import that runs again keeps what was there before its first attempt, unless others have written since.
BEFORE = f"""
{_INTO}
SELECT %(import_file)s, o.id, jsonb_build_object(
  'order', to_jsonb(o) - 'net_amount',
  'lines', (SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.line_no), '[]') FROM orders_orderline l
            WHERE l.order_id = o.id),
  'refunds', (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.id), '[]') FROM orders_refund r WHERE r.order_id = o.id))
FROM chunk_changed c JOIN orders_order o ON o.id = c.id WHERE o.import_id IS DISTINCT FROM %(import_file)s
ORDER BY o.id
ON CONFLICT (import_file_id, order_id) DO UPDATE SET before = excluded.before;
"""  # noqa: S608  our own words

LONE_BEFORE = f"""
{_INTO}
SELECT %(import_file)s, -r.id, jsonb_build_object('refund', to_jsonb(r))
FROM chunk_refunds f JOIN orders_refund r ON r.id = f.old_id
WHERE f.is_news AND r.order_id IS NULL AND r.import_id IS DISTINCT FROM %(import_file)s ORDER BY r.id DESC
ON CONFLICT (import_file_id, order_id) DO UPDATE SET before = excluded.before;
"""  # noqa: S608

PARKED = f"""
{_INTO}
SELECT %(import_file)s, c.id, jsonb_build_object('parked', jsonb_agg(to_jsonb(h) - 'is_wanted'))
FROM chunk_home h JOIN chunk_orders c ON c.order_no = h.order_no GROUP BY c.id
ON CONFLICT (import_file_id, order_id) DO UPDATE SET before = orders_importchange.before || excluded.before;
"""  # noqa: S608

OVERTAKEN = f"""
{_INTO}
SELECT t.import_id, t.number, '{{}}' FROM (
  SELECT old_import_id AS import_id, id AS number FROM chunk_changed
  UNION ALL
  SELECT r.import_id, -r.id FROM chunk_refunds f JOIN orders_refund r ON r.id = f.old_id
  WHERE f.is_news AND r.order_id IS NULL) t
JOIN orders_importfile i ON i.id = t.import_id
WHERE t.import_id <> %(import_file)s ORDER BY t.import_id, t.number
ON CONFLICT (import_file_id, order_id) DO NOTHING;
"""  # noqa: S608

Values = Mapping[str, str | int]


def keep(cursor: CursorWrapper, values: Values) -> None:
    """Before changed orders are written: what they are now, and that the imports before have been overtaken."""
    statements = (BEFORE, LONE_BEFORE, OVERTAKEN) if values["import_file"] else (OVERTAKEN,)
    for statement in statements:
        cursor.execute(statement, values)


def keep_parked(cursor: CursorWrapper, values: Values) -> None:
    """Rows that waited for orders of this chunk: they wait again if the import is taken back."""
    if values["import_file"]:
        cursor.execute(PARKED, values)
