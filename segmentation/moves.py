"""Who moved: lifecycle stages and value groups of a book's customers on two days, read from the history of labels.

The label on a day is that of the last analysis counted to that day or an earlier one. It is found backwards from the
labels in force: a customer's label at an analysis is what their first change after it replaced. So a question about
last month reads last month's changes, however long the history is.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import QuerySet

from customers.models import CustomerFacts, Group, Stage
from orders.sql import kept, rows
from segmentation.models import AnalysisRun, LabelChange

Kind = LabelChange.Kind
#: No label: not known yet, or without a paid order and so without a value group.
NONE = ""
#: Customers of a cell that a list goes through.
MOST_LISTED = 5_000
LABELS: dict[str, list[str]] = {Kind.STAGE.value: list(Stage.values), Kind.GROUP.value: list(Group.values)}

# Everybody of the book with the labels of both days. Without one on either there is nothing to say of somebody.
_LABELLED = """
    WITH at_first AS (
      SELECT DISTINCT ON (customer_id) customer_id, old FROM segmentation_labelchange
      WHERE kind = %(kind)s AND run_id > %(first)s ORDER BY customer_id, id
    ), at_last AS (
      SELECT DISTINCT ON (customer_id) customer_id, old FROM segmentation_labelchange
      WHERE kind = %(kind)s AND run_id > %(last)s ORDER BY customer_id, id
    ), labelled AS (
      SELECT f.customer_id, f.net_amount, coalesce(a.old, {label}) AS was, coalesce(b.old, {label}) AS now
      FROM customers_customerfacts f
      LEFT JOIN at_first a ON a.customer_id = f.customer_id LEFT JOIN at_last b ON b.customer_id = f.customer_id
      WHERE f.book = %(book)s)
"""
_MATRIX = f"""{_LABELLED}
    SELECT was, now, count(*), sum(net_amount) FROM labelled WHERE was <> '' OR now <> '' GROUP BY 1, 2
"""  # noqa: S608  our own words
_PEOPLE = f"""{_LABELLED}
    SELECT customer_id FROM labelled WHERE was = %(was)s AND now = %(now)s
    ORDER BY net_amount DESC, customer_id LIMIT %(most)s
"""  # noqa: S608
_COLUMN = {Kind.STAGE.value: "f.stage", Kind.GROUP.value: 'f."group"'}


@dataclass(frozen=True)
class Cell:
    """Customers who were `was` and are `now`; `share` of those who were; `net` is what they have spent until today."""

    was: str
    now: str
    n: int
    net: Decimal
    share: float

    @property
    def stayed(self) -> bool:
        return self.was == self.now


@dataclass(frozen=True)
class Row:
    was: str
    n: int
    cells: list[Cell]


@dataclass(frozen=True)
class Moves:
    """`first` and `last` are the analyses whose labels are compared; `first` is None where there was none yet.

    `columns` are the labels that somebody has on the second day; "" is no label.
    """

    kind: str
    first: AnalysisRun | None
    last: AnalysisRun
    columns: list[str]
    rows: list[Row]

    @property
    def n(self) -> int:
        return sum(row.n for row in self.rows)

    @property
    def moved(self) -> int:
        """Had a label on the first day and another one on the second."""
        return sum(cell.n for row in self.rows if row.was != NONE for cell in row.cells if not cell.stayed)

    @property
    def known(self) -> int:
        return sum(row.n for row in self.rows if row.was != NONE)


def run_on(book: str, day: date) -> AnalysisRun | None:
    """The analysis whose labels were in force on a local day; None where nothing was analysed up to then."""
    done = AnalysisRun.objects.filter(book=book, state=AnalysisRun.State.DONE, as_of__lte=day)
    return done.order_by("-as_of", "-id").first()


def first_day(book: str) -> date | None:
    """The earliest day that labels are known of."""
    done = AnalysisRun.objects.filter(book=book, state=AnalysisRun.State.DONE)
    return done.order_by("as_of").values_list("as_of", flat=True).first()


def moves(*, book: str, kind: str, first: date, last: date) -> Moves | None:
    """Labels of `kind` on two local days. Customers are those whom the book measures today. None where nothing was
    analysed up to the second day."""
    begin, end = run_on(book, first), run_on(book, last)
    if end is None:
        return None
    values = {"kind": kind, "book": book, "first": begin.pk if begin else 0, "last": end.pk}
    found = {
        (was, now): (int(n), Decimal(net))
        for was, now, n, net in rows(_MATRIX.format(label=_COLUMN[kind]), values)
    }  # fmt: skip
    return Moves(kind, begin, end, _labels(kind, {now for _was, now in found}), _rows(kind, found))


def _labels(kind: str, seen: set[str]) -> list[str]:
    """In the order of the labels, no label last."""
    return [code for code in [*LABELS[kind], NONE] if code in seen]


def _rows(kind: str, found: dict[tuple[str, str], tuple[int, Decimal]]) -> list[Row]:
    columns = _labels(kind, {now for _was, now in found})
    table = []
    for was in _labels(kind, {was for was, _now in found}):
        n = sum(count for (before, _now), (count, _net) in found.items() if before == was)
        table.append(Row(was, n, [_cell(was, now, found.get((was, now)), n) for now in columns]))
    return table


def _cell(was: str, now: str, counted: tuple[int, Decimal] | None, n: int) -> Cell:
    count, net = counted or (0, Decimal(0))
    return Cell(was, now, count, net, count / n)


def people(*, book: str, kind: str, first: date, last: date, was: str, now: str) -> QuerySet[CustomerFacts]:
    """The customers of one cell; of more than MOST_LISTED those who have spent most. Kept for ten minutes, so that
    the next page need not compare everybody again."""
    begin, end = run_on(book, first), run_on(book, last)
    if end is None:
        return CustomerFacts.objects.none()
    values = {
        "kind": kind, "book": book, "first": begin.pk if begin else 0, "last": end.pk, "was": was, "now": now,
        "most": MOST_LISTED,
    }  # fmt: skip
    query = _PEOPLE.format(label=_COLUMN[kind])
    found: list[int] = kept("moved", *values.values(), compute=lambda: [pk for (pk,) in rows(query, values)])
    return CustomerFacts.objects.filter(pk__in=found, customer__merged_into__isnull=True).select_related("customer")


# --- one customer -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Label:
    """Stage and value group of a customer on a day, as `run` found them with its bounds; "" is no value group."""

    stage: str
    group: str
    run: AnalysisRun


def label_on(customer_id: int, day: date) -> Label | None:
    """None where nothing was known of the customer on that local day."""
    facts = CustomerFacts.objects.filter(pk=customer_id).first()
    run = run_on(facts.book, day) if facts else None
    if facts is None or run is None:
        return None
    later = LabelChange.objects.filter(customer_id=customer_id, run_id__gt=run.pk).order_by("-id")
    replaced = {change.kind: change.old for change in later}
    stage, group = replaced.get(Kind.STAGE.value, facts.stage), replaced.get(Kind.GROUP.value, facts.group)
    return Label(stage, group, run) if stage else None
