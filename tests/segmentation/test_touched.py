"""Looking only at who was touched finds what a look at everybody would find, after whatever happened."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, example, given, settings, strategies as st

from customers.books import books
from customers.merging import merge_customers, unmerge
from customers.models import Customer, CustomerFacts, CustomerMerge, Shop
from orders.models import Order, Refund
from segmentation.analysis import reading
from segmentation.analysis.run import refresh_book
from segmentation.analysis.touched import refresh_touched
from segmentation.models import AnalysisOptions, AnalysisRun, LabelChange, Touched
from segmentation.selectors import run_in_force
from segmentation.services import refresh, refresh_changed
from tests.builders import make_customer, make_purchase, make_shop

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)


def facts() -> dict[int, dict[str, object]]:
    rows = CustomerFacts.objects.exclude(stage="").values()
    return {row["customer_id"]: {k: v for k, v in row.items() if k != "refreshed_at"} for row in rows}


def figures(run: AnalysisRun | None) -> dict[str, object]:
    assert run is not None
    return {name: found for name, found in run.counts.items() if name not in ("changed", "looked_at", "workers")}


def test_nothing_happened_nothing_is_looked_at() -> None:
    make_purchase(make_customer("Ann"), make_shop(), "2026-03-01")
    refresh(as_of=DAY)
    assert not Touched.objects.exists()
    assert refresh_changed(as_of=DAY) == []
    assert AnalysisRun.objects.count() == 1


def test_tables_that_were_analysed_empty_do_not_make_a_run_compare_everybody_with_everybody() -> None:
    """The demo is removed, the first file imported, and nobody has counted the rows since; few facts differ."""
    shop = make_shop()
    for number in range(20):
        make_purchase(make_customer(f"Person {number}"), shop, "2026-01-01")
    refresh(as_of=DAY)
    make_purchase(Customer.objects.latest("pk"), shop, "2026-03-30")
    with connection.cursor() as cursor:
        sizes = "UPDATE pg_class SET relpages = 1, reltuples = %s WHERE relname = %s"
        cursor.executemany(sizes, [(0, "customers_customer"), (1000, "customers_customerfacts")])
    plans: list[str] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "DELETE FROM segmentation_touched" in sql:
            execute(f"EXPLAIN {sql}", params, many, context)
            plans.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        refresh(as_of=DAY)
    (plan,) = plans
    assert "Hash Anti Join" in plan or "Hash Right Anti Join" in plan
    assert "Nested Loop" not in plan


def test_only_who_bought_is_looked_at() -> None:
    shop = make_shop()
    ann, bob = make_customer("Ann"), make_customer("Bob")
    for who in (ann, bob):
        make_purchase(who, shop, "2026-01-01")
    (full,) = refresh(as_of=DAY)
    make_purchase(ann, shop, "2026-03-30")
    (run,) = refresh_changed(as_of=DAY)
    assert (run.kind, run.counts["looked_at"], run.counts["changed"]) == ("touched", 1, 1)
    assert (run.bounds, run.cuts, run.thresholds) == (full.bounds, full.cuts, full.thresholds)
    assert CustomerFacts.objects.get(pk=ann.pk).orders == 2
    assert LabelChange.objects.filter(run=run).values_list("customer", "kind", "new").get(kind="stage") == (
        ann.pk, "stage", "active",
    )  # fmt: skip


def test_a_day_carries_only_those_over_who_stood_at_a_bound() -> None:
    shop = make_shop()
    near, far = make_customer("30 days ago"), make_customer("29 days ago")  # too few spells: silent after 30 days
    make_purchase(near, shop, "2026-03-01")
    make_purchase(far, shop, "2026-03-02")
    refresh(as_of=DAY)
    assert CustomerFacts.objects.get(pk=near.pk).stage == "new"
    (run,) = refresh_changed(as_of=DAY + timedelta(days=1))
    assert CustomerFacts.objects.get(pk=near.pk).stage == "silent"
    assert CustomerFacts.objects.get(pk=far.pk).stage == "new"
    assert run.as_of == DAY + timedelta(days=1)


def test_many_touched_or_an_unmeasured_book_ask_for_a_full_run() -> None:
    shop = make_shop()
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    assert refresh_touched(days={shop.book: DAY}, most=100) is None  # never measured
    refresh(as_of=DAY)
    for name in "BCD":
        make_purchase(make_customer(name), shop, "2026-03-01")
    assert refresh_touched(days={shop.book: DAY}, most=2) is None
    assert Touched.objects.exists(), "what was not looked at must stay"
    assert refresh_touched(days={shop.book: DAY}, most=3) is not None
    assert not Touched.objects.exists()


def test_who_is_touched_while_a_full_run_reads_stays_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop()
    ann = make_customer("Ann")
    make_purchase(ann, shop, "2026-03-01")
    whole = reading.purchases

    def bought_meanwhile(who: reading.Who, *, as_of: date) -> object:
        found = whole(who, as_of=as_of)
        make_purchase(ann, shop, "2026-03-02")
        return found

    monkeypatch.setattr(reading, "purchases", bought_meanwhile)
    refresh(as_of=DAY)
    monkeypatch.undo()
    assert CustomerFacts.objects.get().orders == 1
    refresh_changed(as_of=DAY)
    assert CustomerFacts.objects.get().orders == 2


def test_a_full_run_of_one_book_or_one_that_failed_leaves_touched_people_of_others_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    yuan, dollars = make_shop(), make_shop(currency="USD")
    make_purchase(make_customer("Ann"), yuan, "2026-03-01")
    make_purchase(make_customer("Uma"), dollars, "2026-03-01")
    refresh(as_of=DAY)
    make_purchase(ann := make_customer("Ann, new"), yuan, "2026-03-02")
    known = make_customer("Nothing bought yet")
    make_purchase(make_customer("Uma, new"), dollars, "2026-03-02")
    refresh(book=dollars.book, as_of=DAY)
    assert set(Touched.objects.values_list("customer_id", "run_id")) == {(ann.pk, None), (known.pk, None)}
    monkeypatch.setattr(reading, "purchases", lambda *_who, **_day: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refresh(book=yuan.book, as_of=DAY)
    assert set(Touched.objects.values_list("customer_id", "run_id")) == {(ann.pk, None), (known.pk, None)}


def test_a_chosen_day_stays_chosen_when_a_new_book_asks_for_a_full_run() -> None:
    historic = make_shop()
    make_purchase(make_customer("Ann"), historic, "2011-03-01")
    refresh(as_of=date(2011, 12, 9))
    make_purchase(make_customer("Uma"), make_shop(currency="USD"), "2026-03-01")
    refresh_changed()
    run = run_in_force(historic.book)
    assert run is not None and run.as_of == date(2011, 12, 9)


# --- any sequence of events -------------------------------------------------------------------------------------------

PEOPLE = 5
who, day, shop_no = st.integers(0, PEOPLE - 1), st.integers(0, 300), st.integers(0, 2)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), who, shop_no, day),
        st.tuples(st.just("order"), who, st.just(0), day),
        st.tuples(st.just("unpaid"), who, shop_no, day),
        st.tuples(st.just("pay"), who, shop_no, day),
        st.tuples(st.just("refund"), who, shop_no, day),
        st.tuples(st.just("loose refund"), who, shop_no, day),
        st.tuples(st.just("remove"), who, shop_no, day),
        st.tuples(st.just("hand over"), who, shop_no, day),
        st.tuples(st.just("merge"), who, who, day),
        st.tuples(st.just("unmerge"), who, who, day),
        st.tuples(st.just("newcomer"), who, shop_no, day),
        st.tuples(st.just("night"), who, shop_no, st.integers(1, 40)),
        st.tuples(st.just("look"), who, shop_no, day),
    ),
    min_size=1,
    max_size=14,
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "window_days": st.sampled_from([30, 120]),
        "frequency": st.just("days"),
        "monetary": st.just("average"),
        "threshold": st.just("median"),
        "compare": st.just("scores"),
    },
)


class World:
    """A small store of two books that one can do things to."""

    def __init__(self, options: dict[str, object]) -> None:
        self.today = DAY
        self.shops = [make_shop("a"), make_shop("b", platform="jd"), make_shop("c", currency="GBP")]
        AnalysisOptions.objects.create(book="CNY", **options)
        self.people = [make_customer(f"Customer {number}") for number in range(PEOPLE)]
        for number, person in enumerate(self.people):
            for back in range(0, 60 * number, 37):
                self.buy(person, self.shops[0], back)

    def buy(self, person: Customer, shop: Shop, back: int, **more: object) -> None:
        on = self.today - timedelta(days=back - 20)  # some orders bear a day that has not come yet
        make_purchase(person, shop, on.isoformat(), str(10 + back), **more)

    def happen(self, event: tuple[str, int, int, int]) -> None:
        name, number, other, days = event
        person = Customer.objects.get(pk=self.people[number].pk)
        while person.merged_into:
            person = person.merged_into
        doing: dict[str, Callable[[], Any]] = {
            "order": lambda: self.buy(person, self.shops[other], days),
            "unpaid": lambda: self.buy(person, self.shops[other], days, paid_at=None, paid_on=None, state="created"),
            "pay": lambda: Order.objects.filter(customer=person, paid_on=None).update(
                paid_at=f"{self.today}T04:00Z", paid_on=self.today, paid_amount=7
            ),
            "refund": lambda: self.refund(Order.objects.filter(customer=person).order_by("pk").first()),
            "loose refund": lambda: self.loose_refund(person, self.shops[other], days),
            "remove": lambda: Order.objects.filter(pk__in=Order.objects.filter(customer=person)[:1]).delete(),
            "hand over": lambda: self.hand_over(person, number),
            "merge": lambda: self.merge(person, other),
            "unmerge": self.unmerge,
            "newcomer": lambda: self.people.append(make_customer("Newcomer")),
            "night": lambda: setattr(self, "today", self.today + timedelta(days=days)),
            "look": lambda: refresh_changed(as_of=self.today),
        }
        doing[name]()

    def refund(self, order: Order | None) -> None:
        if order:
            Order.objects.filter(pk=order.pk).update(refunded_amount=order.paid_amount, state="refunded")

    def loose_refund(self, person: Customer, shop: Shop, days: int) -> None:
        on = self.today - timedelta(days=days)
        Refund.objects.create(
            shop=shop, customer=person, external_id=f"R{Refund.objects.count()}", amount=Decimal(3),
            refunded_at=f"{on}T04:00Z", refunded_on=on,
        )  # fmt: skip

    def hand_over(self, person: Customer, number: int) -> None:
        heir = Customer.objects.present().exclude(pk=person.pk).order_by("pk")[number % 2]
        Order.objects.filter(pk__in=Order.objects.filter(customer=person).values("pk")[:1]).update(customer=heir)

    def merge(self, person: Customer, other: int) -> None:
        kept = Customer.objects.present().exclude(pk=person.pk).order_by("pk")[other % 3]
        merge_customers(kept=kept, gone=person, by=None)

    def unmerge(self) -> None:
        newest = CustomerMerge.objects.filter(undone_at=None).order_by("-pk").first()
        if newest:
            unmerge(merge=newest, by=None)


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(events=EVENTS, options=OPTIONS)
@example(events=[("merge", 3, 0, 0), ("look", 0, 0, 0), ("unmerge", 0, 0, 0)], options={})
def test_touched_finds_what_everybody_would(
    events: list[tuple[str, int, int, int]], options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(django_settings, "ANALYSIS_RANGE", 3)
    with transaction.atomic():
        world = World(options)
        refresh(as_of=world.today)
        base = {book.code: run_in_force(book.code) for book in books()}
        for event in events:
            world.happen(event)
        refresh_changed(as_of=world.today)
        few, told = facts(), {code: figures(run_in_force(code)) for code in base}
        for book in books():
            refresh_book(book=book, as_of=world.today, like=base[book.code])
        assert facts() == few
        assert {code: figures(run_in_force(code)) for code in base} == told
        replay()
        transaction.set_rollback(True)


def replay() -> None:
    """The newest change of each customer and kind is what the facts say now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT ON (h.customer_id, h.kind) h.new,
                 CASE h.kind WHEN 'stage' THEN f.stage ELSE f."group" END
               FROM segmentation_labelchange h JOIN customers_customerfacts f ON f.customer_id = h.customer_id
               ORDER BY h.customer_id, h.kind, h.run_id DESC"""
        )
        assert all(new == now for new, now in cursor.fetchall())
