"""Files about customers: one chunk of keys, one transaction. No consent is read from them, whatever a column says."""

from decimal import Decimal

from django.db import connection
from django.db.backends.utils import CursorWrapper

from customers.loyalty import enrol_many
from customers.services import refresh_reach
from customers.tagging import tag_by_import
from orders.importers import apply_sql, customer_sql as sql
from orders.importers.applying import Applied, Chunk, lock_shop, values_of


def apply_customers(chunk: Chunk) -> Applied:
    """Find or make the customers of a chunk, and write down their tags, membership and further columns."""
    lock_shop(chunk.shop)
    values = values_of(chunk)
    with connection.cursor() as cursor:
        cursor.execute(apply_sql.ROWS.format(form="VIEW", stage=chunk.stage, but=""), values)
        chunk.people.write_buyers(cursor)
        cursor.execute(sql.COUNTS)
        created, rows = cursor.fetchone()
        cursor.execute(sql.EXTRA)
        cursor.execute(sql.SOURCE.format(stage=chunk.stage), values)
        _tag(cursor, chunk.import_file)
        cursor.execute(sql.MEMBERS, values)
        members = cursor.fetchall()
        enrol_many(joined={pk: day for pk, day, _no in members}, numbers={pk: no for pk, _day, no in members if no})
        cursor.execute("SELECT DISTINCT customer_id FROM chunk_buyers")
        refresh_reach(customer_ids=[int(row[0]) for row in cursor.fetchall()])
        cursor.execute("DROP TABLE chunk_buyers; DROP VIEW chunk_rows")
    counts: dict[str, int | Decimal] = {"customers_created": created, "customers_known": rows - created}
    return Applied(counts, [], {})


def _tag(cursor: CursorWrapper, import_id: int) -> None:
    cursor.execute(sql.TAGS)
    tag_by_import(tags={pk: words.split("\n") for pk, words in cursor.fetchall()}, import_id=import_id)
