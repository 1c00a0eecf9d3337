"""One store, measured. The cast is small enough to be measured by hand."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from crm_suite.lib.errors import BadInput
from customers.models import CustomerFacts, Group, Shop, Stage
from orders.models import Order, Refund
from segmentation import lifecycle, rfm
from segmentation.analysis import reading, writing
from segmentation.analysis.reading import CustomerNumbers, CustomerRange, Who
from segmentation.models import AnalysisRun, LabelChange, Segment
from segmentation.selectors import run_in_force
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", platform="tmall")


def facts_of(customer: Any) -> CustomerFacts:
    return CustomerFacts.objects.get(pk=customer.pk)


def make_refund(customer: Any, shop: Shop, day: str, amount: str, order: Order | None = None) -> Refund:
    return Refund.objects.create(
        shop=shop, customer=customer, order=order, external_id=f"R{day}{amount}", amount=Decimal(amount),
        refunded_at=f"{day}T12:00Z", refunded_on=day,
    )  # fmt: skip


def test_the_facts_of_a_regular_customer(shop: Shop) -> None:
    ann = make_customer("Ann")
    jd = make_shop("jd", platform="jd")
    for day in ("2026-01-01", "2026-01-11", "2026-01-31", "2026-01-31"):
        make_purchase(ann, shop, day)
    make_purchase(ann, jd, "2026-03-01", "50.50", refunded_amount=Decimal("10.50"))
    make_refund(ann, shop, "2026-03-05", "15.25")

    refresh(as_of=DAY)

    found = facts_of(ann)
    assert (found.book, found.orders, found.purchase_days) == ("CNY", 5, 4)
    assert found.net_amount == Decimal("424.75")  # 400 + 50.50 − 10.50 of the order − 15.25 of no known order
    assert found.refunds == 1
    assert (found.first_paid_on, found.last_paid_on) == (date(2026, 1, 1), date(2026, 3, 1))
    assert found.median_gap == 20  # of 10, 20, 29
    assert found.platforms == ["jd", "tmall"]
    assert found.stage == "active"  # too few spells: 30, 90, 180 days


def test_the_lower_of_two_middle_gaps_is_the_median(shop: Shop) -> None:
    bob = make_customer("Bob")
    for day in ("2026-01-01", "2026-01-06", "2026-02-05"):
        make_purchase(bob, shop, day)
    once = make_customer("Once")
    make_purchase(once, shop, "2026-01-01")
    refresh(as_of=DAY)
    assert facts_of(bob).median_gap == 5
    assert facts_of(once).median_gap is None


def test_what_is_not_a_paid_order_counts_nowhere(shop: Shop) -> None:
    ann = make_customer("Ann")
    make_purchase(ann, shop, "2026-03-30")
    make_purchase(ann, shop, "2026-03-20", "80", refunded_amount=Decimal(80))  # wholly given back
    make_purchase(ann, shop, "2026-04-02")  # after the day of the analysis
    make_purchase(None, shop, "2026-03-30")  # nobody known
    make_purchase(ann, shop, "2026-03-31", "0", paid_at=None, paid_on=None, state="created")
    (run,) = refresh(as_of=DAY)
    found = facts_of(ann)
    assert (found.orders, found.net_amount, found.last_paid_on) == (1, Decimal(100), date(2026, 3, 30))
    assert (run.counts["customers"], run.counts["orders"], run.counts["net"]) == (1, 1, "100.00")


def test_known_people_without_a_paid_order_are_prospects(shop: Shop) -> None:
    browser, undecided, gone = make_customer("Browser"), make_customer("Undecided"), make_customer("Gave back")
    make_purchase(undecided, shop, "2026-03-01", "0", paid_at=None, paid_on=None, state="created")
    make_purchase(gone, shop, "2026-03-01", "80", refunded_amount=Decimal(80))
    make_refund(gone, shop, "2026-03-02", "5")
    (run,) = refresh(as_of=DAY)
    assert {facts_of(who).stage for who in (browser, undecided, gone)} == {"prospect"}
    assert (facts_of(browser).group, facts_of(browser).r_score, facts_of(browser).last_paid_on) == ("", 0, None)
    assert facts_of(gone).net_amount == -5
    assert run.counts["stages"]["prospect"] == {"n": 3, "orders": 0, "net": "-5.00"}
    assert run.counts["customers"] == 0


def test_a_merged_customer_has_no_figures(shop: Shop) -> None:
    ann = make_customer("Ann")
    twin = make_customer("Ann again", merged_into=ann)
    make_purchase(ann, shop, "2026-03-01")
    make_purchase(twin, shop, "2026-03-01")
    (run,) = refresh(as_of=DAY)
    assert not CustomerFacts.objects.filter(pk=twin.pk).exists()
    assert run.counts["customers"] == 1


def test_a_customer_of_two_books_belongs_to_the_one_with_more_orders(shop: Shop) -> None:
    london = make_shop("london", currency="GBP", timezone="Europe/London")
    ann, bob, cid = make_customer("Ann"), make_customer("Bob"), make_customer("Cid")
    for who, place, day in [
        (ann, shop, "2026-01-01"), (ann, shop, "2026-01-02"), (ann, london, "2026-03-01"),
        (bob, shop, "2026-01-01"), (bob, london, "2026-03-01"),
        (cid, london, "2026-01-01"), (cid, shop, "2026-03-01"),
    ]:  # fmt: skip
        make_purchase(who, place, day)
    runs = {run.book: run for run in refresh(as_of=DAY)}
    assert [facts_of(who).book for who in (ann, bob, cid)] == ["CNY", "GBP", "CNY"]  # a tie: the newest decides
    assert [facts_of(who).orders for who in (ann, bob, cid)] == [2, 1, 1]  # never two currencies in one figure
    assert (runs["CNY"].counts["customers"], runs["GBP"].counts["customers"]) == (2, 1)
    make_purchase(ann, london, "2026-03-02")
    make_purchase(ann, london, "2026-03-03")
    refresh(as_of=DAY, book="GBP")
    assert (facts_of(ann).book, facts_of(ann).orders) == ("GBP", 3)


def test_prospects_stay_apart_from_the_demo(shop: Shop) -> None:
    make_shop("demo", book="CNY demo", is_demo=True)
    real, invented = make_customer("Real"), make_customer("Invented", is_demo=True)
    refresh(as_of=DAY)
    assert (facts_of(real).book, facts_of(invented).book) == ("CNY", "CNY demo")


def test_a_second_refresh_changes_nothing(shop: Shop) -> None:
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    make_customer("Prospect")
    refresh(as_of=DAY)
    before = list(CustomerFacts.objects.values().order_by("pk"))
    (again,) = refresh(as_of=DAY)
    assert again.counts["changed"] == 0
    assert list(CustomerFacts.objects.values().order_by("pk")) == before
    assert not LabelChange.objects.filter(run=again).exists()


def test_history_tells_when_a_stage_began(shop: Shop) -> None:
    ann = make_customer("Ann")
    make_purchase(ann, shop, "2026-01-01")
    refresh(as_of=date(2026, 1, 10))
    refresh(as_of=date(2026, 1, 20))
    refresh(as_of=date(2026, 2, 10))
    stages = LabelChange.objects.filter(customer=ann, kind="stage").order_by("on")
    assert [(change.on, change.old, change.new) for change in stages] == [
        (date(2026, 1, 10), "", "new"),
        (date(2026, 2, 10), "new", "silent"),
    ]
    # The group stayed as it was: it is noted once.
    assert [change.old for change in LabelChange.objects.filter(customer=ann, kind="group")] == [""]


def test_later_orders_take_a_lost_customer_back(shop: Shop) -> None:
    ann = make_customer("Ann")
    make_purchase(ann, shop, "2025-01-01")
    refresh(as_of=DAY)
    assert facts_of(ann).stage == "lost"
    Order.objects.all().delete()
    refresh(as_of=DAY)
    assert (facts_of(ann).stage, facts_of(ann).group, facts_of(ann).platforms) == ("prospect", "", [])
    make_purchase(ann, shop, "2026-03-30")
    refresh(as_of=DAY)
    assert facts_of(ann).stage == "new"


def test_sizes_of_live_segments_follow(shop: Shop) -> None:
    segment = Segment.objects.create(name="Lost", rule={"field": "stage", "op": "in", "value": ["lost"]}, size=0)
    make_purchase(make_customer("Ann"), shop, "2025-01-01")
    make_purchase(make_customer("Bob"), shop, "2026-03-30")
    refresh(as_of=DAY)
    segment.refresh_from_db()
    assert segment.size == 1


def random_store(random: Random, shops: list[Shop]) -> None:
    for number in range(60):
        who = make_customer(f"Customer {number}")
        for _order in range(random.choice([0, 1, 1, 1, 2, 3, 5, 8])):
            day = date(2026, 3, 31) - timedelta(days=random.randrange(400))
            make_purchase(who, random.choice(shops), day.isoformat(), str(random.choice([10, 20, 20, 99.99])))


def slow_labels(book: str, as_of: date) -> dict[int, tuple[Any, ...]]:
    """Scores, group and stage by plain Python from plain rows: written without looking at the engine."""
    people: dict[int, list[Order]] = {}
    for order in Order.objects.filter(shop__book=book, paid_on__lte=as_of).order_by("paid_on"):
        people.setdefault(order.customer_id or 0, []).append(order)
    days = {pk: sorted({order.paid_on for order in rows if order.paid_on}) for pk, rows in people.items()}
    spells = sorted((b - a).days for dates in days.values() for a, b in pairwise(dates))
    values = {
        pk: ((as_of - days[pk][-1]).days, len(rows), sum(order.paid_amount for order in rows))
        for pk, rows in people.items()
    }
    columns = list(zip(*values.values(), strict=True))
    cuts = [
        [next(v for n, v in enumerate(sorted(column), 1) if n >= share * len(column)) for share in (0.2, 0.4, 0.6, 0.8)]
        for column in columns
    ]
    means = [sum(column) / len(column) for column in columns]
    bounds = [next(v for n, v in enumerate(spells, 1) if n >= share * len(spells)) for share in (0.3, 0.6, 0.9)]
    names = {
        "111": "champions", "101": "promising", "011": "must_keep", "001": "at_risk",
        "110": "loyal_small", "100": "new_small", "010": "fading_small", "000": "lost_small",
    }  # fmt: skip
    found = {}
    for pk, (r, f, m) in values.items():
        below = [sum(cut < value for cut in own) for own, value in zip(cuts, (r, f, m), strict=True)]
        group = names[f"{r < means[0]:d}{f > means[1]:d}{m > means[2]:d}"]
        near = "new" if f == 1 else "active"
        stage = [near, "silent", "dormant", "lost"][sum(bound < r for bound in bounds)]
        found[pk] = (5 - below[0], 1 + below[1], 1 + below[2], group, stage)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_fast_way_agrees_with_the_slow_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shops = [make_shop(platform="jd"), make_shop(platform="tmall")]
    random_store(Random(seed), shops)
    # Several ranges, so that what ranges share is tried too.
    monkeypatch.setattr(settings, "ANALYSIS_RANGE", 7)
    (run,) = refresh(as_of=DAY)
    assert run.bounds["source"] == "own"
    scored = CustomerFacts.objects.filter(orders__gt=0)
    found = {one.pk: (one.r_score, one.f_score, one.m_score, one.group, one.stage) for one in scored}
    assert found == slow_labels("CNY", DAY)
    assert sum(cell["n"] for cell in run.counts["cells"]) == len(found)
    assert sum(entry["n"] for entry in run.counts["groups"].values()) == len(found)
    assert sum(entry["n"] for entry in run.counts["stages"].values()) == 60


def test_crossings_of_the_run_are_the_people_that_the_rule_finds(shop: Shop) -> None:
    for day in ("2026-02-28", "2026-03-01", "2026-03-07", "2026-03-08"):  # 31, 30, 24, 23 days ago; P30 is 30
        make_purchase(make_customer(day), shop, day)
    (run,) = refresh(as_of=DAY)
    assert run.counts["crossing"] == {"p30": 2, "p60": 0, "p90": 0}


def test_a_failed_run_leaves_the_former_one_in_force(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = make_customer("Ann")
    make_purchase(ann, shop, "2026-01-01")
    (good,) = refresh(as_of=date(2026, 1, 2))

    def burst(**_known: object) -> int:
        raise RuntimeError("disk full")

    monkeypatch.setattr(writing, "apply", burst)
    with pytest.raises(RuntimeError, match="disk full"):
        refresh(as_of=DAY)
    assert run_in_force("CNY") == good
    assert facts_of(ann).stage == "new"
    failed = AnalysisRun.objects.get(state="failed")
    assert "disk full" in failed.message


def test_one_failing_book_does_not_stop_the_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    make_shop("london", currency="GBP")
    whole = writing.apply

    def burst_for_cny(*, run: int, **known: Any) -> int:
        if AnalysisRun.objects.get(pk=run).book == "CNY":
            raise RuntimeError("no")
        return whole(run=run, **known)

    monkeypatch.setattr(writing, "apply", burst_for_cny)
    with pytest.raises(RuntimeError):
        refresh(as_of=DAY)
    assert run_in_force("CNY") is None
    assert run_in_force("GBP") is not None


def test_a_run_whose_worker_died_is_closed_by_the_next(shop: Shop) -> None:
    dead = AnalysisRun.objects.create(book="CNY", as_of=DAY)
    refresh(as_of=DAY)
    dead.refresh_from_db()
    assert dead.state == "failed"


def test_refusals(shop: Shop) -> None:
    with pytest.raises(BadInput):
        refresh(book="USD")
    with pytest.raises(BadInput):
        refresh(as_of=date.today() + timedelta(days=3))
    with pytest.raises(CommandError):
        call_command("refresh_analysis", book="USD")


def test_without_a_shop_there_is_nothing_to_measure() -> None:
    assert refresh() == []


def test_the_command_says_what_it_found(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    call_command("refresh_analysis", "--as-of", "2026-03-31", "--book", "CNY")
    assert "CNY as of 2026-03-31: 1 customers, 1 orders, P30/P60/P90 = 30/90/180 days (fallback, 0 spells)" in (
        capsys.readouterr().out
    )


@pytest.fixture
def planner_without_small_table_shortcuts() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        yield
        cursor.execute("RESET enable_seqscan; RESET enable_bitmapscan")


@pytest.mark.usefixtures("planner_without_small_table_shortcuts")
@pytest.mark.parametrize("who", [CustomerRange(100, 120), CustomerNumbers([1, 2, 3])])
def test_purchases_are_read_from_the_index_alone(who: Who, shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO orders_order (shop_id, external_id, customer_id, state, platform_state, placed_at, paid_at,
                 paid_on, total_amount, paid_amount, refunded_amount, extra, created_at, updated_at)
               SELECT %s, n, n %% 500, 'completed', '', day, day, day::date, 9, 9, 0, '{}', now(), now()
               FROM generate_series(1, 5000) n CROSS JOIN LATERAL (
                 SELECT timestamptz '2026-03-01' - (n %% 300) * interval '1 day') d (day)""",
            [shop.pk],
        )
        cursor.execute("ANALYZE orders_order")
        # As a vacuum leaves it, which cannot run in here: before one, every index of a small table costs the same.
        cursor.execute("UPDATE pg_class SET relallvisible = relpages WHERE relname = 'orders_order'")
        condition, values = who.among("customer_id")
        both: list[Any] = [*values, DAY]
        cursor.execute("EXPLAIN " + reading.PURCHASES.format(who=condition), both)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Only Scan using order_purchases" in plan
    assert "Sort" not in plan


def test_codes_of_the_calculators_are_those_of_the_tables() -> None:
    assert list(rfm.GROUPS) == Group.values
    assert list(lifecycle.STAGES) == Stage.values
