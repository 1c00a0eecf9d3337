"""Two hundred files that nobody should send: what they are called, how they are made, and how they must end.

An ending is the code of a refusal, or the number of orders that come in; "" is either, without any other error.
"""

from tests.orders.hostile_archives import gzips, zip_names, zips
from tests.orders.hostile_texts import cells, encodings, no_tables, objects, tables
from tests.orders.hostile_words import Case
from tests.orders.hostile_workbooks import old_workbooks, workbook_parts, workbooks


def cases() -> list[Case]:
    families = [gzips, zips, zip_names, workbooks, workbook_parts, old_workbooks, encodings, tables, cells, no_tables,
                objects]  # fmt: skip
    return [case for family in families for case in family()]
