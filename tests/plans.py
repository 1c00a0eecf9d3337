"""How PostgreSQL would answer a statement: what tests of lists and searches ask for."""

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection


def walks(sql: str) -> list[str]:
    """The parts of a statement's plan that read a table or an index from end to end, although they need not.

    Sequential scans are forbidden meanwhile, and so are joins that read both sides from end to end: a table of a test
    is treated like one of a million rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_mergejoin = off; SET enable_hashjoin = off")
        try:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
            (plan,) = cursor.fetchone()
        finally:
            cursor.execute("RESET enable_seqscan; RESET enable_mergejoin; RESET enable_hashjoin")
    return list(_walks((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def _walks(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan" or ("Index" in node["Node Type"] and "Index Cond" not in node):
        yield f"{node['Node Type']} on {node.get('Relation Name')}"
    for child in node.get("Plans", []):
        yield from _walks(child)
