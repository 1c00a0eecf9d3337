"""How large segments are over time, who came and who went, and how much two of them have in common.

A count keeps one bit per customer number, so that the next day's count can be compared with it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from crm_suite.lib.days import today_in
from customers.books import book_of
from customers.models import CustomerFacts
from segmentation import rules, selectors
from segmentation.models import Segment, SegmentSize

Bits = npt.NDArray[np.uint8]

#: Customer numbers beyond this are counted, but not compared with the day before: 25 MB of bits.
HIGHEST = 200_000_000
#: Days that a page draws.
DRAWN = 366


@dataclass(frozen=True)
class Counted:
    """Members of a moment. `bits` None where they are not kept."""

    size: int
    bits: Bits | None


def count_all() -> int:
    """Write the sizes of live segments after their members changed; returns how many could be counted.

    One that cannot be counted stops no other. Snapshots do not change.
    """
    counted = 0
    for segment in Segment.objects.filter(kind=Segment.Kind.LIVE, archived_at__isnull=True).order_by("pk"):
        try:
            count(segment)
            counted += 1
        except rules.BadRule:
            Segment.objects.filter(pk=segment.pk).update(size=None, counted_at=timezone.now())
    return counted


@transaction.atomic
def count(segment: Segment) -> SegmentSize:
    """Today's size of a live segment, against the last count of a day before. Counting again today replaces it.

    Today is the local day of the segment's book. Raises BadRule.
    """
    Segment.objects.select_for_update().filter(pk=segment.pk).first()
    found = _members(selectors.segment_members(segment))
    today = _today(segment)
    known = SegmentSize.objects.filter(segment=segment, on__lt=today).order_by("-on").first()
    entered, left = _compare(known, found)
    Segment.objects.filter(pk=segment.pk).update(size=found.size, counted_at=timezone.now())
    row, _created = SegmentSize.objects.update_or_create(
        segment=segment, on=today,
        defaults={
            "size": found.size, "entered": entered, "left": left,
            "members": None if found.bits is None else found.bits.tobytes(),
        },
    )  # fmt: skip
    _forget(segment, keep=[today, *([known.on] if known else [])])
    return row


def _today(segment: Segment) -> date:
    book = book_of(segment.book) if segment.book else None
    return today_in(book.timezone if book else "UTC")


def _members(people: QuerySet[CustomerFacts]) -> Counted:
    numbers = _numbers(people)
    if numbers.size and int(numbers.max()) > HIGHEST:
        return Counted(numbers.size, None)
    bits = np.zeros(int(numbers.max()) // 8 + 1 if numbers.size else 0, np.uint8)
    np.bitwise_or.at(bits, numbers >> 3, np.left_shift(1, numbers & 7).astype(np.uint8))
    return Counted(numbers.size, bits)


def _numbers(people: QuerySet[CustomerFacts]) -> npt.NDArray[np.int64]:
    """Customer numbers, copied out: a cursor would make an object of each."""
    select, params = people.order_by().values_list("pk").query.sql_with_params()
    buffer = io.BytesIO()
    with selectors.roomy(), connection.cursor() as cursor:
        wanted: Any = cursor.cursor
        statement = wanted.mogrify(select, params).decode()
        wanted.copy_expert(f"COPY ({statement}) TO STDOUT", buffer)
    return np.fromstring(buffer.getvalue().decode(), np.int64, sep="\n")


def _compare(known: SegmentSize | None, now: Counted) -> tuple[int | None, int | None]:
    """Who came and who went since; unknown where there is nothing to compare with."""
    if known is None or known.members is None or now.bits is None:
        return None, None
    before = np.frombuffer(bytes(known.members), np.uint8)
    length = max(before.size, now.bits.size)
    old, new = _padded(before, length), _padded(now.bits, length)
    return _ones(new & ~old), _ones(old & ~new)


def _padded(bits: Bits, length: int) -> Bits:
    return np.concatenate([bits, np.zeros(length - bits.size, np.uint8)])


def _ones(bits: Bits) -> int:
    return int(np.bitwise_count(bits).sum())


def _forget(segment: Segment, *, keep: Sequence[date]) -> None:
    """The bits of today's row and of the one it was compared with are enough."""
    old = SegmentSize.objects.filter(segment=segment, members__isnull=False).exclude(on__in=keep)
    old.update(members=None)


def history(segment: Segment, *, days: int = DRAWN) -> list[SegmentSize]:
    """Counts of the last days, oldest first; without the bits."""
    since = _today(segment) - timedelta(days=days)
    return list(SegmentSize.objects.filter(segment=segment, on__gt=since).defer("members").order_by("on"))


def chart(rows: Sequence[SegmentSize]) -> dict[str, Any]:
    """Size, entered and left by day, for static/js/charts.js."""
    return {
        "type": "line",
        "title": finding(rows),
        "x": [row.on.isoformat() for row in rows],
        "x_name": _("day"),
        "y_name": _("customers"),
        "series": [
            {"name": _("In the segment"), "data": [row.size for row in rows], "area": True},
            {"name": _("Entered"), "data": [row.entered for row in rows], "color": "stage-active"},
            {"name": _("Left"), "data": [row.left for row in rows], "color": "stage-lost"},
        ],
    }


def finding(rows: Sequence[SegmentSize]) -> str:
    """What became of the size over the days that were counted."""
    first, last = rows[0], rows[-1]
    if last.size == first.size:
        return _("As large as on %(day)s") % {"day": first.on.isoformat()}
    words = _("%(n)s more than on %(day)s") if last.size > first.size else _("%(n)s fewer than on %(day)s")
    return words % {"n": f"{abs(last.size - first.size):,}", "day": first.on.isoformat()}


# --- overlap ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overlap:
    """What two segments have in common. `both` None where the other one's rule cannot be used.

    `share`: of this segment's members, those who are in the other too, 0–1; `other_share`: the other way round. Both
    are None where nobody could be.
    """

    other: Segment
    both: int | None = None
    size: int = 0
    other_size: int = 0

    @property
    def share(self) -> float | None:
        return self.both / self.size if self.both is not None and self.size else None

    @property
    def other_share(self) -> float | None:
        return self.both / self.other_size if self.both is not None and self.other_size else None


#: Segments that one is compared with at a time, without being asked, and that a page offers to choose from.
COMPARED, AT_FIRST, OFFERED = 5, 3, 50


def overlaps(segment: Segment, others: Sequence[Segment]) -> list[Overlap]:
    """With up to five others, at this moment. Raises BadRule where `segment` itself cannot be read."""
    people = selectors.segment_members(segment)
    size = selectors.size(people)
    return [_overlap(people, size, other) for other in others[:COMPARED]]


def _overlap(people: QuerySet[CustomerFacts], size: int, other: Segment) -> Overlap:
    try:
        theirs = selectors.segment_members(other)
    except rules.BadRule:
        return Overlap(other, size=size)
    common = people.filter(Exists(theirs.filter(pk=OuterRef("pk"))))
    return Overlap(other, selectors.size(common), size, selectors.size(theirs))


def comparable(segment: Segment) -> QuerySet[Segment]:
    """Those that could share members with it, the newest first."""
    found = Segment.objects.filter(archived_at__isnull=True, is_demo=segment.is_demo).exclude(pk=segment.pk)
    return (found.filter(book__in=["", segment.book]) if segment.book else found).order_by("-pk")
