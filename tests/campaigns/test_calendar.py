"""The month: festivals, days off, what was planned and what was sent."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.utils import translation

from campaigns.plan.festivals import bands, days_off
from campaigns.plan.month import Month, month_of
from customers.books import book_of
from tests.builders import make_campaign, make_customer, make_entry, make_message, make_shop

NOW = datetime(2026, 11, 11, 7, tzinfo=UTC)


def phases(first: str, last: str, currency: str = "CNY") -> dict[tuple[str, str], tuple[str, str]]:
    found = bands(first=date.fromisoformat(first), last=date.fromisoformat(last), currency=currency)
    return {(band.code, band.phase): (str(band.first), str(band.last)) for band in found}


def test_double_11_has_a_warm_up_a_burst_and_a_return() -> None:
    found = phases("2026-11-01", "2026-11-30")
    assert found["double_11", "warm_up"] == ("2026-11-01", "2026-11-10")
    assert found["double_11", "burst"] == ("2026-11-11", "2026-11-11")
    assert found["double_11", "return"] == ("2026-11-12", "2026-11-18")
    assert ("618", "burst") not in found


@pytest.mark.parametrize(
    ("code", "first", "last", "day"),
    [
        ("spring_festival", "2026-02-01", "2026-02-28", "2026-02-17"),
        ("spring_festival", "2027-02-01", "2027-02-28", "2027-02-06"),
        ("qixi", "2026-08-01", "2026-08-31", "2026-08-19"),
        ("mid_autumn", "2026-09-01", "2026-09-30", "2026-09-25"),
        ("new_year_goods", "2026-01-01", "2026-01-31", "2026-01-26"),  # 腊八, of the lunar year that began in 2025
        ("black_friday", "2026-11-01", "2026-11-30", "2026-11-27"),
        ("mothers_day", "2026-05-01", "2026-05-31", "2026-05-10"),
    ],
)
def test_movable_festivals_fall_on_the_right_day(code: str, first: str, last: str, day: str) -> None:
    found = bands(first=date.fromisoformat(first), last=date.fromisoformat(last), currency="CNY")
    assert {str(band.day) for band in found if band.code == code} == {day}


def test_a_british_store_sees_its_own_festivals() -> None:
    codes = {code for code, _phase in phases("2026-11-01", "2026-12-31", "GBP")}
    assert codes == {"black_friday", "christmas", "boxing_day"}
    assert phases("2026-11-01", "2026-11-30", "XAF") == {}


def test_a_weekend_that_is_worked_for_a_holiday_is_marked() -> None:
    off = days_off(first=date(2026, 9, 14), last=date(2026, 10, 11), currency="CNY")
    assert off[date(2026, 9, 20)].is_workday
    assert not off[date(2026, 10, 1)].is_workday
    assert date(2026, 9, 21) not in off


def test_festivals_carry_their_name_in_the_language_of_the_page() -> None:
    with translation.override("zh-hans"):
        names = {band.name for band in bands(first=date(2026, 11, 11), last=date(2026, 11, 11), currency="CNY")}
    assert names == {"双11"}


@pytest.fixture
def november(db: object) -> Month:
    shop = make_shop("tmall")
    with time_machine.travel(NOW, tick=False):
        make_entry(shop, "2026-11-12", title="Return visit")
        done = make_entry(shop, "2026-11-02", title="Warm-up")
        campaign = make_campaign(
            shop, plan_entry=done, state="finished", started_at=datetime(2026, 11, 2, 2, tzinfo=UTC)
        )
        make_message(campaign, make_customer())
        # The last evening of October in London is the first of November in Shanghai.
        make_campaign(shop, name="Panic", state="finished", started_at=datetime(2026, 10, 31, 20, tzinfo=UTC))
        make_campaign(shop, name="Draft")
        make_entry(make_shop("uk", currency="GBP"), "2026-11-12", title="Not this store's")
        book = book_of("CNY")
        assert book is not None
        return month_of(book=book, first=date(2026, 11, 1))


def test_weeks_are_whole_and_begin_on_monday(november: Month) -> None:
    assert [len(week.days) for week in november.weeks] == [7] * 6
    assert (november.weeks[0].days[0].day, november.weeks[-1].days[-1].day) == (date(2026, 10, 26), date(2026, 12, 6))
    assert [day.day for week in november.weeks for day in week.days if day.is_today] == [date(2026, 11, 11)]


def test_entries_and_unplanned_sends_stand_on_their_local_day(november: Month) -> None:
    shown = {
        str(day.day): [line.entry.title for line in day.lines] + [extra.campaign.name for extra in day.extras]
        for week in november.weeks
        for day in week.days
        if day.lines or day.extras
    }
    assert shown == {"2026-11-01": ["Panic"], "2026-11-02": ["Warm-up"], "2026-11-12": ["Return visit"]}


def test_the_row_under_the_month_counts_what_is_in_it(november: Month) -> None:
    found = november.adherence
    assert (found.planned, found.due, found.on_time, found.unplanned) == (2, 1, 1, 1)
    assert found.reach_real == 1
    assert [extra.campaign.name for extra in november.unplanned] == ["Panic"]


def test_festival_strips_lie_side_by_side_and_never_on_each_other(november: Month) -> None:
    double_11 = [
        (strip.column, strip.span, strip.lane, strip.begins, strip.ends)
        for strip in november.weeks[2].strips
        if strip.band.code == "double_11"
    ]
    assert double_11 == [(1, 2, 1, False, True), (3, 1, 1, True, True), (4, 4, 1, True, False)]
    for week in november.weeks:
        taken = [(strip.lane, day) for strip in week.strips for day in range(strip.column, strip.column + strip.span)]
        assert len(taken) == len(set(taken))
