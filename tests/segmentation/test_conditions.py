"""Conditions over rows: who bought, said, got and once was what, against a slow answer in plain Python."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone, translation
from hypothesis import given, settings, strategies as st

from crm_suite.lib.digests import address_digest
from customers.models import CustomerFacts, Suppression
from orders.models import CatalogueItem
from segmentation import previews, rules, selectors
from segmentation.checks import Clock
from segmentation.conditions import CONDITIONS
from segmentation.fields.birthdays import days_to_birthday
from segmentation.models import AnalysisRun
from segmentation.rules import BadRule
from tests.builders import make_customer, make_facts, make_line, make_product, make_purchase, make_shop
from tests.segmentation.small_store import CATEGORIES, CLOCK, STAGES, TODAY, Rule, fill, fits, pasts

pytestmark = pytest.mark.django_db


def leaf(field: str, op: str, value: object) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def names(rule: object, clock: Clock = CLOCK, *, each: bool = False) -> list[str]:
    found = CustomerFacts.objects.filter(rules.condition(rules.parse(rule), clock, each=each))
    return sorted(found.values_list("customer__name", flat=True))


# --- any rule of the grammar ------------------------------------------------------------------------------------------


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


counts = st.one_of(
    st.builds(lambda op, n: {"op": op, "value": n}, st.sampled_from(["gte", "lte", "eq"]), st.integers(0, 3)),
    st.builds(lambda low, more: {"op": "between", "value": [low, low + more]}, st.integers(0, 2), st.integers(0, 2)),
)


def happenings(key: str, **filters: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    asked = st.fixed_dictionaries(
        {}, optional={
            "filter": st.fixed_dictionaries({}, optional=filters), "count": counts, "within_days": st.integers(0, 120),
        },
    )  # fmt: skip
    return asked.map(lambda inner: {key: inner})


labels = st.builds(
    lambda values, ago: {
        "was": {"kind": "stage", "value": values, "on": (TODAY - timedelta(days=ago)).isoformat()}
    },
    some(STAGES), st.sampled_from([0, 1, 89, 90, 91]),
)  # fmt: skip
fields = st.one_of(
    some(STAGES).map(lambda values: leaf("stage", "in", values)),
    st.integers(0, 3).map(lambda n: leaf("orders", "gte", n)),
    st.sampled_from([10, 39]).map(lambda n: leaf("median_gap", "lte", n)),
    st.integers(0, 100).map(lambda n: leaf("p_alive", "lte", n)),
    st.integers(0, 365).map(lambda n: leaf("days_to_birthday", "lte", n)),
    st.integers(0, 365).map(lambda n: leaf("days_to_birthday", "gte", n)),
    some(["given", "refused", "unasked"]).map(lambda values: leaf("email_consent", "not_in", values)),
    some(["Hangzhou", "Leeds"]).map(lambda values: leaf("city", "not_in", values)),
)
conditions = st.one_of(
    happenings(
        "orders", category=some(CATEGORIES), platform=some(["tmall", "jd"]), shop=some(["tmall", "jd"]),
        product=some(["tmall-Tea", "jd-Cups"]), state=some(["created", "completed"]), paid=st.booleans(),
        min_amount=st.sampled_from(["150", "250"]),
    ),
    happenings("touchpoints", kind=some(["inquiry", "complaint"]), channel=some(["chat", "web"])),
    happenings("messages", outcome=some(["sent", "clicked", "responded", "held_out", "failed"])),
    labels,
)  # fmt: skip
trees = st.recursive(
    st.one_of(conditions, fields),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_rule_finds_whom_a_slow_reader_finds(seed: int) -> None:
    fill(seed)
    people = pasts()

    @settings(max_examples=60, deadline=None)
    @given(trees)
    def agrees(rule: dict[str, Any]) -> None:
        with suppress(BadRule):  # nested too deep: another test's business
            slowly = sorted(past.facts.customer.name for past in people if fits(rule, past))
            assert names(rule) == names(rule, each=True) == slowly
            assert names({"not": rule}) == sorted({past.facts.customer.name for past in people} - set(slowly))
            for language in ("en", "zh-hans"):
                with translation.override(language):
                    assert rules.describe(rule)

    agrees()


def test_the_preview_counts_parts_as_they_would_be_counted_alone() -> None:
    fill(4)

    @settings(max_examples=40, deadline=None)
    @given(trees)
    def adds_up(rule: dict[str, Any]) -> None:
        with suppress(BadRule):
            found = previews.preview(rule=rule, book="CNY")
            assert found.total == found.parts[""] == selectors.members(rule=rule, book="CNY").count()
            assert found.everybody == 12
            opposite = previews.preview(rule={"not": rule}, book="CNY")
            assert found.total + opposite.total == 12
            assert {f"/not{path}": n for path, n in found.parts.items()}.items() <= opposite.parts.items()

    adds_up()


def test_who_does_not_wait_is_told_what_everybody_drawn_says() -> None:
    """All of so few are drawn: then the estimate is the truth, and its interval is that of so few."""
    fill(4)

    @settings(max_examples=40, deadline=None)
    @given(trees)
    def estimates(rule: dict[str, Any]) -> None:
        with suppress(BadRule):
            exact, found = previews.preview(rule=rule, book="CNY"), previews.preview(rule=rule, book="CNY", patience=0)
            assert found == replace(exact, asked=12, low=found.low, high=found.high)
            assert found.low <= exact.total <= found.high and found.high - found.low >= 2

    estimates()


def test_every_member_can_be_told_why() -> None:
    fill(5)
    node = rules.parse({"any": [{key: EXAMPLES[key]} for key in CONDITIONS]})
    for facts in CustomerFacts.objects.all():
        told = rules.reasons(facts, node, CLOCK)
        assert len(told) == len(CONDITIONS)
        assert all(told)


EXAMPLES: dict[str, Rule] = {
    "orders": {"filter": {"category": ["Tea"]}, "count": {"op": "gte", "value": 2}, "within_days": 90},
    "touchpoints": {"filter": {"kind": ["complaint"]}},
    "messages": {"filter": {"outcome": ["clicked"]}, "within_days": 30},
    "was": {"kind": "stage", "value": ["active"], "on": "2026-05-01"},
}


def test_every_condition_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(CONDITIONS)


# --- in words ---------------------------------------------------------------------------------------------------------


def test_conditions_in_words() -> None:
    with translation.override("en"):
        assert rules.describe({"orders": EXAMPLES["orders"]}) == (
            "paid orders at least 2 times (Category: Tea; in the last 90 days)"
        )
        assert rules.describe({"not": {"orders": {"filter": {"paid": False}}}}) == (
            "not (unpaid orders at least 1 time (Paid: no))"
        )
        assert rules.describe({"was": EXAMPLES["was"]}) == "Lifecycle stage was Active on 2026-05-01"
        assert rules.describe({"touchpoints": EXAMPLES["touchpoints"]}) == (
            "touchpoints at least 1 time (Kind: Complaint)"
        )


# --- what is no condition ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"orders": []}, "/orders"),
        ({"orders": {"filter": {"customer__phone": ["+86"]}}}, "/orders/filter"),
        ({"orders": {"raw": "1=1"}}, "/orders"),
        ({"orders": {"filter": {"category": []}}}, "/orders/filter/category"),
        ({"orders": {"filter": {"platform": ["moon"]}}}, "/orders/filter/platform/0"),
        ({"orders": {"filter": {"paid": 1}}}, "/orders/filter/paid"),
        ({"orders": {"filter": {"min_amount": "much"}}}, "/orders/filter/min_amount"),
        ({"orders": {"count": {"op": "in", "value": 1}}}, "/orders/count/op"),
        ({"orders": {"count": {"op": "gte", "value": -1}}}, "/orders/count/value"),
        ({"orders": {"count": {"op": "between", "value": [3, 1]}}}, "/orders/count/value"),
        ({"orders": {"within_days": "90"}}, "/orders/within_days"),
        ({"messages": {"filter": {"campaign": ["first"]}}}, "/messages/filter/campaign/0"),
        ({"was": {"kind": "mood", "value": ["active"], "on": "2026-05-01"}}, "/was/kind"),
        ({"was": {"kind": "stage", "value": ["champions"], "on": "2026-05-01"}}, "/was/value/0"),
        ({"was": {"kind": "stage", "value": ["active"]}}, "/was/on"),
        ({"all": [{"orders": {}, "touchpoints": {}}]}, "/all/0"),
    ],
)
def test_what_is_no_condition_is_refused_and_the_place_is_named(rule: object, path: str) -> None:
    with pytest.raises(BadRule) as caught:
        rules.parse(rule)
    assert caught.value.path == path


# --- single stories ---------------------------------------------------------------------------------------------------


def test_an_item_stands_for_all_its_products() -> None:
    tmall, jd = make_shop("tmall"), make_shop("jd")
    item = CatalogueItem.objects.create(name="Green tea", category="Tea")
    first, second = make_product(tmall, "A1", item=item), make_product(jd, "B1", item=item)
    other = make_product(jd, "C1", category="Cups")
    for name, product in (("Ann", first), ("Bob", second), ("Cid", other)):
        who = make_customer(name)
        make_line(make_purchase(who, product.shop, "2026-03-02"), product, "10")
        make_facts(who)
    assert names({"orders": {"filter": {"product": [f"item:{item.pk}"]}}}) == ["Ann", "Bob"]
    assert names({"orders": {"filter": {"product": [f"product:{first.pk}"]}}}) == ["Ann"]
    assert names({"orders": {"filter": {"product": ["C1"]}}}) == ["Cid"]
    assert names({"orders": {"filter": {"category": ["Tea"]}}}) == ["Ann", "Bob"]
    assert names({"not": {"orders": {"filter": {"category": ["Tea"]}}}}) == ["Cid"]


def test_amounts_of_another_currency_are_not_compared() -> None:
    shops = [make_shop("tmall"), make_shop("abroad", currency="USD")]
    for name, shop in zip(("Ann", "Bob"), shops, strict=True):
        who = make_customer(name)
        make_purchase(who, shop, "2026-03-02", "500")
        make_facts(who)
    assert names({"orders": {"filter": {"min_amount": "100"}}}) == ["Ann"]


def test_an_order_without_a_customer_makes_nobody_a_buyer_and_hides_nobody() -> None:
    shop = make_shop("tmall")
    make_purchase(None, shop, "2026-03-02")
    make_facts(make_customer("Ann"))
    assert names({"orders": {}}) == []
    assert names({"not": {"orders": {}}}) == ["Ann"]


def test_unpaid_of_the_last_day() -> None:
    shop = make_shop("tmall")
    for name, hours in (("Ann", 3), ("Bob", 30)):
        who = make_customer(name)
        moment = timezone.now() - timedelta(hours=hours)
        make_purchase(who, shop, "2026-03-02", state="created", paid_at=None, paid_on=None, placed_at=moment)
        make_facts(who)
    assert names(leaf("unpaid", "is", True)) == ["Ann"]
    assert names(leaf("unpaid", "is", False)) == ["Bob"]


def test_an_address_that_is_blocked() -> None:
    make_facts(make_customer("Ann", email="Ann@example.com"))
    make_facts(make_customer("Bob", email="bob@example.com"))
    digest = address_digest("ann@example.com")
    Suppression.objects.create(channel="email", address_digest=digest, masked="a***", reason="manual")
    assert names(leaf("email_blocked", "is", True)) == ["Ann"]
    assert names(leaf("sms_blocked", "is", False)) == ["Ann", "Bob"]


def test_known_since_counts_days_of_the_store() -> None:
    ann, bob = make_customer("Ann"), make_customer("Bob")
    for who, moment in ((ann, datetime(2026, 3, 1, 15, 59, tzinfo=UTC)), (bob, datetime(2026, 3, 1, 16, tzinfo=UTC))):
        type(who).objects.filter(pk=who.pk).update(created_at=moment)
        make_facts(who)
    shanghai = Clock(TODAY, "Asia/Shanghai")
    assert names(leaf("created", "eq", "2026-03-01"), shanghai) == ["Ann"]
    assert names(leaf("created", "gt", "2026-03-01"), shanghai) == ["Bob"]
    assert names(leaf("created", "between", ["2026-03-01", "2026-03-02"]), shanghai) == ["Ann", "Bob"]


@pytest.mark.parametrize(
    ("birthday", "today", "days"),
    [
        (date(1990, 4, 1), date(2026, 4, 1), 0),
        (date(1990, 3, 31), date(2026, 4, 1), 364),
        (date(1992, 2, 29), date(2026, 2, 27), 1),
        (date(1992, 2, 29), date(2026, 3, 1), 364),
        (date(1992, 2, 29), date(2028, 2, 28), 1),
    ],
)
def test_days_until_a_birthday(birthday: date, today: date, days: int) -> None:
    make_facts(make_customer("Ann", birthday=birthday))
    assert days_to_birthday(birthday, today) == days
    assert names(leaf("days_to_birthday", "eq", days), Clock(today)) == ["Ann"]
    assert names(leaf("days_to_birthday", "lt", days), Clock(today)) == [] if days else True
    assert names(leaf("birthday_now", "is", True), Clock(birthday)) == ["Ann"]


def test_each_book_counts_days_of_orders_to_its_own_run() -> None:
    now, then = make_shop("tmall"), make_shop("uci", currency="GBP")
    AnalysisRun.objects.create(book="CNY", as_of=date(2026, 3, 31), state="done")
    AnalysisRun.objects.create(book="GBP", as_of=date(2011, 12, 9), state="done")
    for name, shop, day in (("Ann", now, "2026-03-30"), ("Bob", then, "2011-12-08"), ("Cid", now, "2011-12-08")):
        who = make_customer(name)
        make_purchase(who, shop, day)
        make_facts(who, book=shop.book)
    found = selectors.members(rule={"orders": {"within_days": 10}}, book="")
    assert sorted(found.values_list("customer__name", flat=True)) == ["Ann", "Bob"]


# --- counted by what they have in common ------------------------------------------------------------------------------


def test_conditions_over_rows_are_counted_together_and_alone() -> None:
    """More of them than are found apart: two by inclusion and exclusion, the third while the facts are read."""
    fill(6)
    parts: list[Rule] = [{"orders": {"filter": {"category": ["Tea"]}}}, {"touchpoints": {}}, {"messages": {}}]
    totals = {}
    for kind in ("all", "any"):
        found = previews.preview(rule={kind: parts}, book="CNY")
        totals[kind] = found.total
        assert found.total == selectors.members(rule={kind: parts}, book="CNY").count()
        for place, part in enumerate(parts):
            assert found.parts[f"/{kind}/{place}"] == selectors.members(rule=part, book="CNY").count()
    assert 0 < totals["all"] < totals["any"]


def test_a_preview_counts_who_may_be_written_to() -> None:
    shop = make_shop("tmall")
    for name, email in (("Ann", True), ("Bob", False), ("Cid", True)):
        who = make_customer(name)
        make_facts(who, email_ok=email, sms_ok=not email)
        if name != "Cid":
            make_line(make_purchase(who, shop, "2026-03-02"), make_product(shop, name, category="Tea"), "10")
    found = previews.preview(rule={"orders": {"filter": {"category": ["Tea"]}}}, book="CNY")
    assert (found.total, found.email_ok, found.sms_ok, found.everybody) == (2, 1, 1, 3)


def test_an_order_counts_unless_all_of_it_came_back() -> None:
    shop = make_shop("tmall")
    amounts = {
        "Ann": ("100", "0"),
        "Bob": ("100", "99.99"),
        "Cid": ("100", "100"),
        "Dan": ("0", "0"),
        "Eve": ("0", "5"),
    }
    for name, (paid, refunded) in amounts.items():
        who = make_customer(name)
        make_purchase(who, shop, "2026-03-02", paid, refunded_amount=Decimal(refunded))
        make_facts(who)
    assert names({"orders": {}}) == ["Ann", "Bob", "Dan", "Eve"]


def test_rows_of_a_product_are_found_by_index_and_once() -> None:
    """A set that is made once, from lines that are looked up by their product and orders by their number."""
    shop = make_shop("tmall")
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH orders AS (INSERT INTO orders_order (shop_id, external_id, state, platform_state, placed_at,"
            " paid_at, paid_on, customer_id, total_amount, paid_amount, refunded_amount, extra, created_at, updated_at)"
            " SELECT %s, n, 'paid', '', now(), now(), current_date - n / 10, %s, 1, 1, 0, '{}', now(), now()"
            " FROM generate_series(1, 7000) n RETURNING id)"
            " INSERT INTO orders_orderline (order_id, line_no, product_id, sku, name, quantity, unit_price, amount)"
            " SELECT id, 1, CASE WHEN id %% 100 = 0 THEN %s ELSE -id END, '', '', 1, 1, 1 FROM orders",
            [shop.pk, make_customer("Ann").pk, make_product(shop, "A1").pk],
        )
        cursor.execute("ANALYZE orders_order, orders_orderline")
    found = selectors.members(rule={"orders": {"filter": {"product": ["A1"]}, "within_days": 30}}, book="CNY")
    plan = found.explain()
    assert "CTE made" in plan and "line_by_product" in plan
    for walk in ("Seq Scan on orders_order", "Seq Scan on orders_orderline"):
        assert walk not in plan
