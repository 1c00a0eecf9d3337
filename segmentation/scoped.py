"""RFM figures of one platform's customers: the scores of the whole book, counted for those who bought there."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from customers.books import Book
from customers.models import Group, Platform, Shop
from orders.sql import kept, rows
from segmentation.models import AnalysisRun
from segmentation.selectors import Share, shares

Entry = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """Cells in the order of the grid (R5 F1 first), groups best first; amounts are the customers' whole net amounts."""

    customers: int
    net: Decimal
    cells: list[Entry]
    groups: list[Share]


def platforms(book: Book) -> dict[str, str]:
    """The platforms of the book's shops by code; one alone is no choice."""
    here = set(Shop.objects.filter(pk__in=book.shop_ids).values_list("platform", flat=True))
    return {code: str(label) for code, label in Platform.choices if code in here} if len(here) > 1 else {}


def figures(book: Book, run: AnalysisRun, platform: str = "") -> Figures:
    """Of the run in force; of one platform from the facts, kept for ten minutes."""
    if not platform:
        counts = run.counts
        return Figures(counts["customers"], Decimal(counts["net"]), counts["cells"], _groups(counts["groups"]))
    found = kept("rfm of platform", book.code, run.pk, platform, compute=lambda: _counted(book.code, platform))
    cells = [_sum(found, r, f) for r in range(5, 0, -1) for f in range(1, 6)]
    groups = {code: _entry([row for row in found if row[2] == code]) for code in Group.values}
    whole = _entry(found)
    return Figures(whole["n"], whole["net"], cells, _groups(groups))


#: r, f, group, customers, orders, net amount.
Row = tuple[int, int, str, int, int, Decimal]


def _counted(book: str, platform: str) -> list[Row]:
    return rows(
        """
        SELECT r_score, f_score, "group", count(*), sum(orders), sum(net_amount) FROM customers_customerfacts
        WHERE book = %(book)s AND platforms @> ARRAY[%(platform)s]::varchar[] AND last_paid_on IS NOT NULL
        GROUP BY 1, 2, 3
        """,
        {"book": book, "platform": platform},
    )


def _sum(found: Sequence[Row], r: int, f: int) -> Entry:
    return {"r": r, "f": f, **_entry([row for row in found if row[:2] == (r, f)])}


def _entry(found: Sequence[Row]) -> Entry:
    return {
        "n": sum(int(row[3]) for row in found),
        "orders": sum(int(row[4]) for row in found),
        "net": sum((row[5] for row in found), Decimal(0)),
    }


def _groups(table: dict[str, Entry]) -> list[Share]:
    return shares(table, Group.choices)
