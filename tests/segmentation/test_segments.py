"""Segments as services and selectors: live ones follow, snapshots hold."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm_suite.lib.errors import BadInput, WrongState
from customers.models import Customer, CustomerFacts
from segmentation import presets, previews, rules, selectors, services
from segmentation.models import AnalysisRun, Segment, SegmentMember
from tests.builders import make_customer, make_facts, make_product, make_shop
from tests.plans import walks

pytestmark = pytest.mark.django_db

LOST = {"field": "stage", "op": "in", "value": ["lost"]}


@pytest.fixture(autouse=True)
def shops() -> None:
    """A store of two books."""
    make_shop("home")
    make_shop("abroad", currency="GBP")


def people(book: str = "CNY", **stages: str) -> dict[str, CustomerFacts]:
    return {name: make_facts(make_customer(name), stage=stage, book=book) for name, stage in stages.items()}


def names(segment: Segment) -> list[str]:
    return sorted(selectors.segment_members(segment).values_list("customer__name", flat=True))


def test_a_live_segment_follows_its_rule() -> None:
    cast = people(Ann="lost", Bob="active")
    segment = services.save_segment(name="Lost", rule=LOST, book="CNY")
    assert (segment.size, names(segment)) == (1, ["Ann"])
    CustomerFacts.objects.filter(pk=cast["Bob"].pk).update(stage="lost")
    assert names(segment) == ["Ann", "Bob"]


def test_a_snapshot_keeps_the_members_of_its_moment() -> None:
    cast = people(Ann="lost", Bob="active")
    live = services.save_segment(name="Lost", rule=LOST)
    held = services.copy_as_snapshot(segment=live)
    CustomerFacts.objects.filter(pk=cast["Bob"].pk).update(stage="lost")
    assert (held.kind, held.size, names(held)) == ("snapshot", 1, ["Ann"])
    assert names(live) == ["Ann", "Bob"]
    with pytest.raises(WrongState):
        services.take_snapshot(segment=held)
    with pytest.raises(WrongState):
        services.save_segment(segment=held, name="x", rule={})


def test_a_segment_can_become_a_snapshot_itself() -> None:
    people(Ann="lost", Bob="active")
    segment = services.save_segment(name="Lost", rule=LOST)
    assert services.take_snapshot(segment=segment) == 1
    assert SegmentMember.objects.get().customer.name == "Ann"


def test_an_empty_book_means_every_store() -> None:
    people(Ann="lost")
    people("GBP", Bob="lost", Cid="active")
    assert names(services.save_segment(name="All", rule=LOST)) == ["Ann", "Bob"]
    assert names(services.save_segment(name="One", rule=LOST, book="GBP")) == ["Bob"]


def test_each_book_counts_days_to_its_own_run() -> None:
    AnalysisRun.objects.create(book="CNY", as_of=date(2026, 3, 31), state="done")
    AnalysisRun.objects.create(book="GBP", as_of=date(2011, 12, 9), state="done")
    for name, book, day in [
        ("Near", "CNY", date(2026, 3, 30)), ("Far", "CNY", date(2026, 1, 1)),
        ("Near then", "GBP", date(2011, 12, 8)), ("Far then", "GBP", date(2011, 1, 1)),
    ]:  # fmt: skip
        make_facts(make_customer(name), book=book, last_paid_on=day, orders=1)
    rule = {"field": "days_since", "op": "lte", "value": 10}
    assert names(services.save_segment(name="Near", rule=rule)) == ["Near", "Near then"]
    assert previews.preview(rule=rule, book="").total == 2


def test_names_are_given_once_until_archived() -> None:
    first = services.save_segment(name="Lost", rule=LOST)
    with pytest.raises(BadInput) as caught:
        services.save_segment(name=" Lost ", rule=LOST)
    assert caught.value.code == "name_taken"
    with pytest.raises(BadInput):
        services.save_segment(name="  ", rule=LOST)
    services.archive_segment(segment=first)
    services.archive_segment(segment=first)
    services.save_segment(name="Lost", rule=LOST)
    with pytest.raises(WrongState):
        services.save_segment(segment=first, name="Back", rule=LOST)


def test_one_segment_that_cannot_be_read_stops_no_other() -> None:
    people(Ann="lost")
    broken = Segment.objects.create(name="Broken", rule={"field": "gone", "op": "in", "value": []}, size=3)
    good = Segment.objects.create(name="Good", rule=LOST, size=3)
    services.recount()
    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.size, good.size) == (None, 1)


def test_the_preview_counts_the_whole_and_each_part_in_one_query() -> None:
    make_facts(make_customer("Ann"), stage="lost", orders=2, email_ok=True)
    make_facts(make_customer("Bob"), stage="lost", orders=1, sms_ok=True)
    make_facts(make_customer("Cid"), stage="active", orders=9, email_ok=True)
    make_facts(make_customer("Dan"), stage="lost", orders=9, book="GBP")
    rule = {"all": [LOST, {"not": {"field": "orders", "op": "gte", "value": 2}}]}
    AnalysisRun.objects.create(book="CNY", as_of=date(2026, 3, 31), state="done")
    with CaptureQueriesContext(connection) as queries:
        found = previews.preview(rule=rule, book="CNY")
    assert sum("customerfacts" in query["sql"] for query in queries) == 1
    assert (found.total, found.everybody, found.email_ok, found.sms_ok) == (1, 3, 0, 1)
    assert found.parts == {"": 1, "/all/0": 2, "/all/1": 1, "/all/1/not": 2}


def test_a_sample_says_why() -> None:
    make_facts(make_customer("Ann"), stage="lost", orders=2)
    rule = {"all": [LOST, {"field": "orders", "op": "gte", "value": 2}]}
    (found,) = previews.sample(people=selectors.members(rule=rule, book="CNY"), rule=rule)
    assert found.why == ["Lifecycle stage: Lost", "Paid orders: 2"]


@pytest.mark.parametrize("preset", presets.ALL.values(), ids=lambda preset: str(preset.code))
def test_every_preset_is_a_rule(preset: presets.Preset) -> None:
    make_product(make_shop("tmall"), category="Tea")
    make_facts(make_customer("Ann"), orders=1)
    rule = preset.made_for("CNY")
    assert rule is not None
    assert rules.describe(rule)


def test_vips_are_the_best_tenth() -> None:
    for number in range(20):
        make_facts(make_customer(f"C{number}"), orders=1, net_amount=number * 10)
    make_facts(make_customer("Abroad"), orders=1, net_amount=9_999, book="GBP")
    vips = presets.ALL["vips"]
    assert vips.made_for("CNY") == {"all": [{"field": "net_amount", "op": "gte", "value": "180.00"}]}
    assert vips.made_for("USD") is None


def test_the_category_of_a_preset_is_the_largest_of_the_book() -> None:
    shop = make_shop("tmall")
    make_product(shop, category="Tea"), make_product(shop, category="Cups"), make_product(shop, category="Cups")
    rule = presets.ALL["without_category"].made_for("CNY")
    assert rule is not None
    assert rule["all"][1] == {"not": {"orders": {"filter": {"category": ["Cups"]}}}}
    assert presets.ALL["without_category"].made_for("GBP") is None


def test_a_book_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        services.save_segment(name="Lost", rule=LOST, book="USD")
    assert caught.value.code == "unknown_book"


def test_invented_customers_and_real_ones_never_meet() -> None:
    make_shop("demo", book="CNY demo", is_demo=True)
    people(Ann="lost")
    invented = make_customer("Ivy", is_demo=True), make_customer("Ike", is_demo=True)
    make_facts(invented[0], book="CNY demo", stage="lost")
    make_facts(invented[1], book="", stage="lost")  # not measured yet
    assert names(services.save_segment(name="Real", rule=LOST)) == ["Ann"]
    demo = services.save_segment(name="Invented", rule=LOST, is_demo=True)
    assert (demo.size, names(demo)) == (2, ["Ike", "Ivy"])


def test_who_was_merged_is_in_no_segment() -> None:
    cast = people(Ann="lost", Bob="lost")
    Customer.objects.filter(pk=cast["Bob"].pk).update(merged_into=cast["Ann"].pk)
    assert names(services.save_segment(name="Lost", rule=LOST)) == ["Ann"]


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ([(5, 1)], {"all": [("r_score", [5]), ("f_score", [1])]}),
        ([(5, 2), (5, 1), (4, 1), (4, 2)], {"all": [("r_score", [5, 4]), ("f_score", [1, 2])]}),
        (
            [(5, 1), (1, 5)],
            {"any": [{"all": [("r_score", [5]), ("f_score", [1])]}, {"all": [("r_score", [1]), ("f_score", [5])]}]},
        ),
    ],
)
def test_cells_of_the_grid_become_a_rule(cells: list[tuple[int, int]], rule: dict[str, Any]) -> None:
    def spelled(node: Any) -> Any:
        if isinstance(node, tuple):
            return {"field": node[0], "op": "in", "value": node[1]}
        return {key: [spelled(part) for part in parts] for key, parts in node.items()}

    assert presets.cells_rule(cells) == spelled(rule)


def test_a_segment_by_stage_and_orders_is_counted_from_an_index() -> None:
    Customer.objects.bulk_create(Customer(name=f"Person {number}") for number in range(1_000))
    CustomerFacts.objects.bulk_create(
        CustomerFacts(customer=who, book="CNY", orders=1, stage="lost" if who.pk % 10 == 0 else "active",
                      last_paid_on=date(2026, 1, 1) - timedelta(days=who.pk % 300))
        for who in Customer.objects.all()
    )  # fmt: skip
    rule = {"all": [LOST, {"field": "days_since", "op": "gte", "value": 200}]}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_customer, customers_customerfacts")
    with CaptureQueriesContext(connection) as queries:
        selectors.members(rule=rule, book="CNY").count()
    sql = queries[-1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert walks(sql) == [], plan
    condition = plan.split("Index Cond: ")[1].splitlines()[0]
    assert "book" in condition and "stage" in condition and "last_paid_on" in condition, plan


def test_examples_over_all_stores_count_days_to_each_ones_run() -> None:
    AnalysisRun.objects.create(book="GBP", as_of=date(2011, 12, 9), state="done")
    make_facts(make_customer("Then"), book="GBP", last_paid_on=date(2011, 12, 7), orders=1)
    rule = {"field": "days_since", "op": "lte", "value": 10}
    (found,) = previews.sample(people=selectors.members(rule=rule, book=""), rule=rule)
    assert found.why == ["Days since last purchase: 2"]
