"""How PostgreSQL would answer a statement: what tests of lists and searches ask for."""

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection

#: A table that has no more rows in a test is read from end to end in passing, and says nothing of large ones.
FEW = 100


def walks(sql: str) -> list[str]:
    """The parts of a statement's plan that read a table or an index from end to end, although they need not.

    Sequential scans are forbidden meanwhile, and so are joins that read both sides from end to end: a table of a test
    is treated like one of a million rows, unless it has next to none.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_mergejoin = off; SET enable_hashjoin = off")
        try:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
            (plan,) = cursor.fetchone()
        finally:
            cursor.execute("RESET enable_seqscan; RESET enable_mergejoin; RESET enable_hashjoin")
    found = _walks((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return [f"{how} on {table}" for how, table in found if _has_many(table)]


def _walks(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if node["Node Type"] == "Seq Scan" or ("Index" in node["Node Type"] and "Index Cond" not in node):
        yield node["Node Type"], str(node.get("Relation Name"))
    for child in node.get("Plans", []):
        yield from _walks(child)


def _has_many(table: str) -> bool:
    if table == "None":
        return True  # a bitmap of an index: its table stands in the node above
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT FROM {table} LIMIT {FEW}) AS few")
        return bool(cursor.fetchone()[0] >= FEW)
