"""Who came, stayed, came back and went: counted by hand, day by day, and by the arrays."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crm_suite.jobs.models import Job
from crm_suite.lib.errors import WrongState
from customers.models import Shop
from segmentation import growth_store
from segmentation.growth import COLUMNS, DoesNotAddUp, Months, check, flows
from segmentation.growth_report import report
from segmentation.growth_store import refresh_growth, submit_due, submit_growth
from segmentation.histories import Histories, day_number, first_of, month_number
from segmentation.models import GrowthMonth
from tests.builders import make_customer, make_facts, make_purchase, make_run, make_shop

FIRST = month_number(date(2025, 1, 1))
LAST_DAY = date(2025, 6, 20)

#: Purchases of a customer: days counted from half a year before the first month.
People = list[list[int]]
people = st.lists(st.lists(st.integers(0, 350), min_size=1, max_size=8), min_size=1, max_size=6)


def months(p60: int = 60, p90: int = 90) -> Months:
    ends = [day_number(first_of(FIRST + number)) - 1 for number in range(6)] + [day_number(LAST_DAY)]
    return Months(FIRST, np.array(ends), p60, p90)


def bought(cast: People) -> Histories:
    begin = day_number(date(2024, 7, 5))
    rows = [(who, begin + day, 100, 1) for who, days in enumerate(cast) for day in sorted(days)]
    person, day, net, shop = np.array(rows, np.int64).T
    nobody = np.zeros(0, np.int64)
    return Histories(len(cast), person, day, net, shop, nobody, nobody, nobody)


def named(cast: People, p60: int = 60, p90: int = 90) -> list[dict[str, int]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in flows(bought(cast), months(p60, p90)).tolist()]


def by_hand(cast: People, p60: int, p90: int) -> list[dict[str, int]]:
    """Evening by evening, customer by customer."""
    table = [dict.fromkeys(COLUMNS, 0) for _month in range(6)]
    begin = day_number(date(2024, 7, 5))
    for days in cast:
        purchases = {begin + day for day in days}
        last: int | None = None
        was_lost = False
        for number, row in enumerate(table):
            start, end = months().ends[number] + 1, months().ends[number + 1]
            if number == 0:
                before = [day for day in purchases if day < start]
                last = max(before, default=None)
                was_lost = last is not None and start - 1 - last > p90
            known, lost_at_start = last is not None, was_lost
            row["start"] += known and not was_lost
            waits = []
            for day in range(start, end + 1):
                if day in purchases:
                    waits.append(-1 if last is None else day - 1 - last)
                    last = day
                is_lost = last is not None and day - last > p90
                row["lost"] += is_lost and not was_lost
                was_lost = is_lost
            row["end"] += last is not None and not was_lost
            if waits:
                worst = max(waits) if known else -1
                row["new" if not known else "won_back" if worst > p90 else "woken" if worst > p60 else "retained"] += 1
            elif known:
                row["lost_before" if lost_at_start else "gone" if was_lost else "waiting"] += 1
    return table


def test_a_story_of_six_months() -> None:
    """Ann buys every month; Bob once; Cid comes back from dormant in May; Dot is lost in April and back in June."""
    july = date(2024, 7, 5)
    cast = [[(date.fromisoformat(day) - july).days for day in days] for days in (
        ["2025-01-10", "2025-02-10", "2025-03-10", "2025-04-10", "2025-05-10", "2025-06-10"],
        ["2025-02-10"],
        ["2025-03-01", "2025-05-20"],
        ["2025-01-20", "2025-06-15"],
    )]  # fmt: skip
    rows = named(cast)
    assert [row["new"] for row in rows] == [2, 1, 1, 0, 0, 0]
    assert [row["retained"] for row in rows] == [0, 1, 1, 1, 1, 1]
    assert [row["woken"] for row in rows] == [0, 0, 0, 0, 1, 0]  # Cid waited 79 evenings
    assert [row["won_back"] for row in rows] == [0, 0, 0, 0, 0, 1]  # Dot
    assert [row["lost"] for row in rows] == [0, 0, 0, 1, 1, 0]  # Dot on 04-21, Bob on 05-12
    assert [row["lost_before"] for row in rows] == [0, 0, 0, 0, 1, 1]
    assert [row["end"] for row in rows] == [2, 3, 4, 3, 2, 3]


def test_the_bound_itself_is_not_lost() -> None:
    """Bought on 01-01, p90 = 30: on the evening of 01-31 thirty days have passed, on that of 02-01 one more."""
    day = (date(2025, 1, 1) - date(2024, 7, 5)).days
    assert [row["lost"] for row in named([[day]], 20, 30)][:2] == [0, 1]
    assert [row["lost"] for row in named([[day, day + 31]], 20, 30)][:2] == [0, 0]  # back on the very day
    assert named([[day, day + 32]], 20, 30)[1]["won_back"] == 1


@given(people, st.integers(31, 120), st.integers(0, 60))
@settings(max_examples=60)
def test_arrays_count_as_by_hand(cast: People, p90: int, less: int) -> None:
    assert named(cast, max(1, p90 - less), p90) == by_hand(cast, max(1, p90 - less), p90)


@given(people, st.integers(1, 120))
@settings(max_examples=60)
def test_rows_add_up_whatever_the_orders_and_bounds(cast: People, p90: int) -> None:
    table = flows(bought(cast), months(max(1, p90 // 2), p90))
    check(table, len(cast) - sum(min(days) > (LAST_DAY - date(2024, 7, 5)).days for days in cast))


def test_figures_that_do_not_add_up_are_refused() -> None:
    table = flows(bought([[200], [250, 300]]), months())
    check(table, 2)
    for column in range(len(COLUMNS)):
        wrong = table.copy()
        wrong[3, column] += 1
        with pytest.raises(DoesNotAddUp):
            check(wrong, 2)
    with pytest.raises(DoesNotAddUp):
        check(table, 3)


# --- what is remembered -----------------------------------------------------------------------------------------------


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", platform="tmall")


def figures(month: str, platform: str = "") -> dict[str, int]:
    return dict(GrowthMonth.objects.get(month=f"{month}-01", platform=platform).figures)


@pytest.mark.django_db
def test_months_are_kept_of_the_book_and_of_each_platform(shop: Shop) -> None:
    jd = make_shop("jd", platform="jd")
    ann, bob = make_customer("Ann"), make_customer("Bob")
    make_purchase(ann, shop, "2026-01-10")
    make_purchase(ann, jd, "2026-02-10")
    make_purchase(bob, jd, "2026-02-28")
    make_purchase(make_customer("Pound"), make_shop("london", currency="GBP"), "2026-02-01")  # another book
    make_purchase(None, shop, "2026-02-01")  # nobody known
    make_run("2026-03-10")
    refresh_growth(book="CNY")
    assert GrowthMonth.objects.count() == 3 * growth_store.MONTHS
    assert {name: figures("2026-02")[name] for name in ("start", "new", "retained", "end")} == {
        "start": 1, "new": 1, "retained": 1, "end": 2,
    }  # fmt: skip
    assert (figures("2026-02", "tmall")["waiting"], figures("2026-02", "jd")["new"]) == (1, 2)
    found = report("CNY")
    assert found is not None
    assert [f"{month.month:%m}" for month in found.months] == ["01", "02", "03"]
    assert (found.last.customers, found.last.is_finished, found.headline) == (2, False, found.months[1])
    assert found.platforms == ["jd", "tmall"]
    on_jd = report("CNY", platform="jd")
    assert on_jd is not None
    assert on_jd.last.customers == 2


@pytest.mark.django_db
def test_who_is_measured_elsewhere_or_is_part_of_somebody_else_does_not_count(shop: Shop) -> None:
    ann = make_customer("Ann")
    make_facts(ann, orders=1)
    moved, twin = make_customer("Moved"), make_customer("Ann again", merged_into=ann)
    make_facts(moved, book="GBP")
    for who in (ann, moved, twin):
        make_purchase(who, shop, "2026-02-10")
    make_run("2026-03-10")
    refresh_growth(book="CNY")
    assert figures("2026-02")["new"] == 1


@pytest.mark.django_db
def test_late_orders_restate_finished_months_only(shop: Shop) -> None:
    ann, bob = make_customer("Ann"), make_customer("Bob")
    make_purchase(ann, shop, "2026-01-10")
    make_run("2026-03-10")
    assert refresh_growth(book="CNY") == 0
    assert refresh_growth(book="CNY") == 0  # nothing has changed
    make_purchase(bob, shop, "2026-02-10")  # arrives late
    make_purchase(bob, shop, "2026-03-05")
    make_run("2026-03-11")
    assert refresh_growth(book="CNY") == 1
    found = report("CNY")
    assert found is not None
    (february,) = found.restated
    assert f"{february.month:%Y-%m}" == "2026-02"
    assert [(one.column, one.first, one.now, one.difference) for one in february.changes] == [
        ("new", 0, 1, 1), ("end", 1, 2, 1),
    ]  # fmt: skip
    assert (february.restated_at is not None, february.has_other_bounds) == (True, False)
    assert found.last.first is None  # March has not ended


@pytest.mark.django_db
def test_other_bounds_are_named_as_the_reason(shop: Shop) -> None:
    make_purchase(make_customer("Ann"), shop, "2025-12-15")
    make_run("2026-03-10")
    refresh_growth(book="CNY")
    make_run("2026-03-10", bounds={"p30": 10, "p60": 20, "p90": 40})
    refresh_growth(book="CNY")
    found = report("CNY")
    assert found is not None
    february, january = found.restated  # lost on 01-25 now, on 03-16 then
    assert [one.column for one in january.changes] == ["lost", "end"]
    assert [one.column for one in february.changes] == ["end"]
    assert january.has_other_bounds


@pytest.mark.django_db
def test_an_analysis_of_an_earlier_day_shows_no_later_months(shop: Shop) -> None:
    make_purchase(make_customer("Ann"), shop, "2026-01-10")
    for day in ("2026-03-31", "2026-02-10", "2026-04-01"):
        make_run(day)
        assert refresh_growth(book="CNY") == 0
        found = report("CNY")
        assert found is not None
        assert (found.as_of, found.last.month) == (date.fromisoformat(day), date.fromisoformat(day).replace(day=1))
        assert found.restated == []


@pytest.mark.django_db
def test_rates_and_spans(shop: Shop) -> None:
    for number in range(10):
        make_purchase(make_customer(f"C{number}"), shop, "2025-11-10")
    make_purchase(make_customer("New"), shop, "2026-01-10")
    make_run("2026-01-31", bounds={"p30": 10, "p60": 20, "p90": 70})
    refresh_growth(book="CNY")
    found = report("CNY")
    assert found is not None
    last = found.headline
    assert last is not None
    assert (last.figures["start"], last.figures["new"], last.figures["lost"]) == (10, 1, 10)
    assert (last.new_rate, last.lost_rate, last.growth, last.quick_ratio) == (0.1, 1.0, -0.9, 0.1)
    assert last.is_few
    three, six, _twelve = found.spans
    assert (three.rate, three.start, six.rate) == (None, 0, None)  # nobody was there at the start of November


@pytest.mark.django_db
def test_growth_is_counted_once_after_each_full_analysis(shop: Shop) -> None:
    assert submit_due() == 0
    with pytest.raises(WrongState):
        submit_growth(book="CNY")
    run = make_run("2026-03-10")
    make_run("2026-03-10", kind="touched")
    assert [submit_due(), submit_due()] == [1, 0]
    job = Job.objects.get()
    assert (job.kind, job.params) == ("growth", {"book": "CNY", "run": run.pk})
    assert submit_growth(book="CNY") == job  # still waiting
    make_run("2026-03-11")
    assert submit_due() == 1
