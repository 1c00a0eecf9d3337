"""The calendar: a month of the plan beside what was really sent, with the festivals underneath."""

from calendar import Calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from campaigns.models import Campaign, Message, PlanEntry
from campaigns.plan.festivals import Band, DayOff, bands, days_off
from campaigns.plan.planning import Adherence, Line, adherence, line_of
from crm_suite.lib.days import day_bounds, local_day, today_in
from customers.books import Book


@dataclass(frozen=True)
class Extra:
    """A campaign that stands in no plan, on the day of its start (or of its schedule while it waits)."""

    campaign: Campaign
    day: date
    sent: int

    @property
    def has_started(self) -> bool:
        return self.campaign.started_at is not None


@dataclass(frozen=True)
class Strip:
    """The part of a festival phase that lies in one week: grid column 1–7 and how many days it spans."""

    band: Band
    column: int
    span: int
    lane: int
    begins: bool
    ends: bool


@dataclass(frozen=True)
class Day:
    day: date
    in_month: bool
    is_today: bool
    is_past: bool
    off: DayOff | None = None
    lines: list[Line] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)
    opening: list[Band] = field(default_factory=list)

    @property
    def is_worth_a_line(self) -> bool:
        """Whether the agenda of a small screen shows the day."""
        return bool(self.lines or self.extras or self.opening or self.is_today or self.off)


@dataclass(frozen=True)
class Week:
    days: list[Day]
    strips: list[Strip]

    @property
    def lanes(self) -> int:
        return max((strip.lane for strip in self.strips), default=0)


@dataclass(frozen=True)
class Month:
    """Whole weeks, Monday first, around one month. The adherence is that of the month itself."""

    first: date
    weeks: list[Week]
    adherence: Adherence
    unplanned: list[Extra]
    today: date

    @property
    def previous(self) -> date:
        return (self.first - timedelta(days=1)).replace(day=1)

    @property
    def following(self) -> date:
        return (self.first + timedelta(days=32)).replace(day=1)

    @property
    def days(self) -> list[Day]:
        """The days of the month itself, for the agenda."""
        return [day for week in self.weeks for day in week.days if day.in_month]

    @property
    def is_empty(self) -> bool:
        return not any(day.lines or day.extras for day in self.days)


def month_of(*, book: Book, first: date) -> Month:
    """The month that begins on `first`, of one book: plan entries, unplanned campaigns, festivals, days off."""
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    start, end, now, today = weeks[0][0], weeks[-1][-1], timezone.now(), today_in(book.timezone)
    lines, extras = (
        lines_between(book=book, first=start, last=end, now=now),
        extras_between(book=book, first=start, last=end),
    )
    off = days_off(first=start, last=end, currency=book.currency)
    festival = bands(first=start, last=end, currency=book.currency)
    days = {
        day: Day(
            day, day.month == first.month, day == today, day < today, off.get(day),
            [line for line in lines if line.entry.day == day], [extra for extra in extras if extra.day == day],
            [band for band in festival if max(band.first, first) == day],
        )
        for week in weeks for day in week
    }  # fmt: skip
    unplanned = [extra for extra in extras if extra.has_started and extra.day.month == first.month]
    return Month(
        first=first,
        weeks=[Week([days[day] for day in week], _strips(festival, week)) for week in weeks],
        adherence=adherence((line for line in lines if line.entry.day.month == first.month), unplanned=len(unplanned)),
        unplanned=unplanned,
        today=today,
    )


def lines_between(*, book: Book, first: date, last: date, now: datetime | None = None) -> list[Line]:
    """The book's plan entries of these days with what became of them, in order of time."""
    entries = list(
        PlanEntry.objects.filter(shop__in=book.shop_ids, day__range=(first, last))
        .select_related("shop", "segment", "campaign")
        .order_by("day", "time", "id")
    )
    sent = sent_counts(Campaign.objects.filter(plan_entry__in=entries))
    return [line_of(entry, now=now or timezone.now(), sent=sent) for entry in entries]


def extras_between(*, book: Book, first: date, last: date) -> list[Extra]:
    """Campaigns without a plan entry that were started, or are waiting to be, on these days."""
    begin, end = day_bounds(first, book.timezone)[0], day_bounds(last, book.timezone)[1]
    waiting = Q(started_at=None, scheduled_at__gte=begin, scheduled_at__lt=end, state=Campaign.State.SCHEDULED)
    campaigns = list(
        Campaign.objects.filter(shop__in=book.shop_ids, plan_entry=None)
        .filter(Q(started_at__gte=begin, started_at__lt=end) | waiting)
        .order_by("started_at", "scheduled_at", "id")
    )
    sent = sent_counts(campaigns)
    return [_extra(campaign, book.timezone, sent.get(campaign.pk, 0)) for campaign in campaigns]


def sent_counts(campaigns: "Iterable[Campaign] | QuerySet[Campaign]") -> dict[int, int]:
    """Messages handed over to a provider, by campaign id."""
    counted = Message.objects.filter(campaign__in=campaigns, state__in=Message.SENT).order_by()
    return dict(counted.values_list("campaign").annotate(Count("pk")))


def _extra(campaign: Campaign, zone: str, sent: int) -> Extra:
    moment = campaign.started_at or campaign.scheduled_at
    assert moment is not None
    return Extra(campaign, local_day(moment, zone), sent)


def _strips(festival: Sequence[Band], week: Sequence[date]) -> list[Strip]:
    """The bands of a week, each in the first lane that is free on its days."""
    strips: list[Strip] = []
    for band in festival:
        first, last = max(band.first, week[0]), min(band.last, week[-1])
        if first > last:
            continue
        column, span = (first - week[0]).days + 1, (last - first).days + 1
        taken = {strip.lane for strip in strips if strip.column < column + span and column < strip.column + strip.span}
        lane = next(lane for lane in range(1, len(taken) + 2) if lane not in taken)
        strips.append(Strip(band, column, span, lane, begins=band.first == first, ends=band.last == last))
    return strips
