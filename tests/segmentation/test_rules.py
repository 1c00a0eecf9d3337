"""Each field finds whom it should and leaves out whom it should not; what is no rule is refused by name."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation
from hypothesis import given, strategies as st

from crm_suite.lib.digests import address_digest
from customers.models import Community, Customer, CustomerFacts, Suppression
from segmentation import rules
from segmentation.checks import Clock
from segmentation.fields import FIELDS
from segmentation.models import CustomerValue
from segmentation.rules import BadRule
from tests.builders import (
    make_community_member,
    make_customer,
    make_facts,
    make_points,
    make_purchase,
    make_shop,
    make_tag,
    make_tier,
)

DAY = Clock(date(2026, 3, 31), "Asia/Shanghai")


def leaf(field: str, op: object, value: object) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def names(rule: object, book: str = "CNY") -> list[str]:
    people = CustomerFacts.objects.filter(book=book) if book else CustomerFacts.objects.all()
    found = people.filter(rules.condition(rules.parse(rule), DAY))
    return sorted(found.values_list("customer__name", flat=True))


@pytest.fixture
def cast() -> None:
    """Ann is a champion of Hangzhou; Bob is lost; Cid has not paid yet; Dan belongs to another book.

    Ann carries two tags and stands on the tier 7 with 120 points; she and Bob joined the community 7, Bob left it.
    """
    ann = make_customer("Ann", city="Hangzhou", country="China", source="Live stream", birthday=date(1990, 4, 1))
    bob = make_customer("Bob", city="Leeds", country="UK", email="bob@example.com", birthday=date(1990, 3, 1))
    cid = make_customer("Cid")
    blocked = {"address_digest": address_digest("bob@example.com"), "masked": "b***", "reason": "manual"}
    Suppression.objects.create(channel="email", **blocked)
    CustomerValue.objects.create(
        customer=ann, book="CNY", p_alive=0.9, expected_orders=2.5, expected_net=100, next_purchase_on=date(2026, 4, 10)
    )
    make_purchase(
        cid, make_shop("tmall"), "2026-03-30", state="created", paid_at=None, paid_on=None, placed_at=timezone.now()
    )
    for who, day in ((ann, 1), (bob, 60), (cid, 1)):
        Customer.objects.filter(pk=who.pk).update(created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))
    for tag in (make_tag(pk=7), make_tag(pk=8)):
        ann.tags.create(tag=tag)
    make_points(ann, 120)
    make_tier("CNY", 1, pk=7, min_orders=1).members.add(ann.membership)
    community = Community.objects.create(pk=7, name="Tea lovers")
    make_community_member(community.name, ann)
    make_community_member(community.name, bob, left_on=date(2026, 2, 1))
    make_facts(
        ann, stage="active", group="champions", orders=5,
        net_amount=500, purchase_days=4, refunds=1, r_score=5, f_score=5, m_score=4, median_gap=20,
        first_paid_on=date(2025, 3, 1), last_paid_on=date(2026, 3, 21), platforms=["tmall", "jd"], email_ok=True,
        email_consent="given",
    )  # fmt: skip
    make_facts(
        bob, stage="lost", group="lost_small", orders=2, net_amount=30,
        purchase_days=1, r_score=1, f_score=2, m_score=1, first_paid_on=date(2024, 1, 1),
        last_paid_on=date(2024, 1, 1), platforms=["taobao"], sms_ok=True, email_consent="refused",
    )  # fmt: skip
    make_facts(cid, stage="prospect")
    make_facts(make_customer("Dan", city="Hangzhou"), book="GBP", stage="lost", orders=9, net_amount=900)


@pytest.mark.django_db
@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize(
    ("field", "op", "value", "who"),
    [
        ("stage", "in", ["lost", "silent"], ["Bob"]),
        ("stage", "not_in", ["lost"], ["Ann", "Cid"]),
        ("group", "in", ["champions"], ["Ann"]),
        ("orders", "gte", 2, ["Ann", "Bob"]),
        ("orders", "gt", 2, ["Ann"]),
        ("orders", "lte", 2, ["Bob", "Cid"]),
        ("orders", "lt", 2, ["Cid"]),
        ("orders", "eq", 2, ["Bob"]),
        ("orders", "between", [1, 4], ["Bob"]),
        ("net_amount", "gte", "30.01", ["Ann"]),
        ("net_amount", "between", [0, 30], ["Bob", "Cid"]),
        ("average_order", "gte", 100, ["Ann"]),
        ("average_order", "lte", 99.99, ["Bob"]),
        ("average_order", "between", [15, 15], ["Bob"]),
        ("days_since", "gte", 11, ["Bob"]),
        ("days_since", "lte", 10, ["Ann"]),
        ("days_since", "eq", 10, ["Ann"]),
        ("days_since", "lt", 10, []),
        ("days_since", "gt", 9, ["Ann", "Bob"]),
        ("days_since", "between", [9, 11], ["Ann"]),
        ("purchase_days", "gte", 2, ["Ann"]),
        ("median_gap", "lte", 30, ["Ann"]),
        ("median_gap", "gt", 30, []),
        ("refunds", "gte", 1, ["Ann"]),
        ("r_score", "in", [4, 5], ["Ann"]),
        ("f_score", "gte", 3, ["Ann"]),
        ("m_score", "eq", 1, ["Bob"]),
        ("first_paid_on", "lt", "2025-03-01", ["Bob"]),
        ("last_paid_on", "gte", "2026-03-21", ["Ann"]),
        ("last_paid_on", "between", ["2024-01-01", "2024-12-31"], ["Bob"]),
        ("platform", "in", ["jd", "douyin"], ["Ann"]),
        ("platform", "not_in", ["jd", "tmall"], ["Bob", "Cid"]),
        ("email_ok", "is", True, ["Ann"]),
        ("email_ok", "is", False, ["Bob", "Cid"]),
        ("sms_ok", "is", True, ["Bob"]),
        ("city", "in", ["Hangzhou"], ["Ann"]),
        ("city", "not_in", ["Hangzhou"], ["Bob", "Cid"]),
        ("city", "contains", "zhou", ["Ann"]),
        ("country", "in", ["UK", "France"], ["Bob"]),
        ("tag", "in", ["7", "8"], ["Ann"]),
        ("tag", "in", ["9"], []),
        ("tag", "not_in", ["7"], ["Bob", "Cid"]),
        ("tier", "in", ["7"], ["Ann"]),
        ("tier", "not_in", ["7"], ["Bob", "Cid"]),
        ("points", "gte", 120, ["Ann"]),
        ("points", "lte", 119, []),
        ("community", "in", ["7"], ["Ann"]),
        ("community", "not_in", ["7"], ["Bob", "Cid"]),
        ("p_alive", "gte", 90, ["Ann"]),
        ("p_alive", "lte", 90, ["Ann"]),
        ("p_alive", "between", [0, 89], []),
        ("expected_orders", "gte", "2.5", ["Ann"]),
        ("expected_orders", "lte", "2.4", []),
        ("expected_net", "gt", "99.99", ["Ann"]),
        ("expected_net", "lt", 100, []),
        ("next_purchase_on", "between", ["2026-04-01", "2026-04-30"], ["Ann"]),
        ("next_purchase_on", "gt", "2026-04-10", []),
        ("email_consent", "in", ["given"], ["Ann"]),
        ("email_consent", "in", ["refused"], ["Bob"]),
        ("email_consent", "not_in", ["given", "refused"], ["Cid"]),
        ("email_consent", "in", ["unasked", "refused"], ["Bob", "Cid"]),
        ("sms_consent", "in", ["unasked"], ["Ann", "Bob", "Cid"]),
        ("email_blocked", "is", True, ["Bob"]),
        ("email_blocked", "is", False, ["Ann", "Cid"]),
        ("sms_blocked", "is", True, []),
        ("source", "in", ["Live stream"], ["Ann"]),
        ("source", "contains", "stream", ["Ann"]),
        ("birthday_month", "in", ["4", "12"], ["Ann"]),
        ("birthday_month", "not_in", ["4"], ["Bob", "Cid"]),
        ("birthday_now", "is", True, ["Bob"]),
        ("birthday_now", "is", False, ["Ann", "Cid"]),
        ("days_to_birthday", "lte", 1, ["Ann"]),
        ("days_to_birthday", "gte", 2, ["Bob"]),
        ("days_to_birthday", "between", [300, 365], ["Bob"]),
        ("created", "gte", "2026-03-01", ["Bob"]),
        ("created", "lt", "2026-03-01", ["Ann", "Cid"]),
        ("unpaid", "is", True, ["Cid"]),
        ("unpaid", "is", False, ["Ann", "Bob"]),
        ("member", "is", True, ["Ann"]),
        ("member", "is", False, ["Bob", "Cid"]),
        ("book", "in", ["CNY"], ["Ann", "Bob", "Cid"]),
        ("book", "in", ["GBP"], []),
    ],
)
def test_a_condition_finds_these_and_nobody_else(field: str, op: str, value: object, who: list[str]) -> None:
    assert names(leaf(field, op, value)) == who


def test_every_field_is_tried_above() -> None:
    mark = next(m for m in test_a_condition_finds_these_and_nobody_else.pytestmark if m.name == "parametrize")  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(FIELDS)


@pytest.mark.django_db
@pytest.mark.usefixtures("cast")
@pytest.mark.parametrize(
    ("rule", "who"),
    [
        ({}, ["Ann", "Bob", "Cid"]),
        ({"all": []}, ["Ann", "Bob", "Cid"]),
        ({"all": [leaf("orders", "gte", 2), leaf("stage", "in", ["lost"])]}, ["Bob"]),
        ({"any": [leaf("orders", "gte", 5), leaf("stage", "in", ["lost"])]}, ["Ann", "Bob"]),
        ({"not": leaf("stage", "in", ["lost"])}, ["Ann", "Cid"]),
        ({"not": leaf("median_gap", "lte", 30)}, ["Bob", "Cid"]),  # unknown is not “at most 30”
        ({"not": {"any": [leaf("orders", "gte", 5), leaf("stage", "in", ["lost"])]}}, ["Cid"]),
    ],
)
def test_conditions_combine(rule: object, who: list[str]) -> None:
    assert names(rule) == who


@pytest.mark.django_db
@pytest.mark.usefixtures("cast")
def test_without_a_book_everybody_is_looked_at() -> None:
    assert names(leaf("stage", "in", ["lost"]), book="") == ["Bob", "Dan"]


good_leaves = st.sampled_from(
    [
        leaf("orders", "gte", 2), leaf("stage", "in", ["lost"]), leaf("median_gap", "lte", 30),
        leaf("average_order", "gte", 100), leaf("platform", "not_in", ["jd"]), leaf("days_since", "gte", 11),
        leaf("city", "contains", "zhou"),
    ]
)  # fmt: skip
trees = st.recursive(
    good_leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=6,
)


@pytest.mark.django_db
@pytest.mark.usefixtures("cast")
def test_a_rule_and_its_not_share_everybody_between_them() -> None:
    @given(trees)
    def shares(rule: dict[str, Any]) -> None:
        try:
            inside, outside = names(rule), names({"not": rule})
        except BadRule:  # nested too deep: another test's business
            return
        assert sorted(inside + outside) == ["Ann", "Bob", "Cid"]

    shares()


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("stage", "/"),
        ([], "/"),
        ({"all": "x"}, "/all"),
        ({"any": []}, "/any"),
        ({"all": [{}]}, "/all/0"),
        ({"all": [], "any": [leaf("orders", "gte", 1)]}, "/"),
        ({"_connector": "OR 1=1) --", "all": []}, "/"),
        ({"_negated": True}, "/"),
        (leaf("customer__phone", "in", ["+86"]), "/field"),
        (leaf("stage__in", "in", ["lost"]), "/field"),
        (leaf("_connector", "in", ["x"]), "/field"),
        (leaf('orders") OR 1=1 --', "gte", 1), "/field"),
        ({"field": ["stage"], "op": "in", "value": ["lost"]}, "/field"),
        (leaf("stage", "regex", "."), "/op"),
        (leaf("stage", ["in"], ["lost"]), "/op"),
        (leaf("orders", "in", [1]), "/op"),
        (leaf("stage", "in", "lost"), "/value"),
        (leaf("stage", "in", []), "/value"),
        (leaf("stage", "in", ["lost"] * 101), "/value"),
        (leaf("stage", "in", ["gone"]), "/value/0"),
        (leaf("orders", "gte", "2"), "/value"),
        (leaf("orders", "gte", -1), "/value"),
        (leaf("orders", "gte", True), "/value"),
        (leaf("orders", "gte", 10**12), "/value"),
        (leaf("orders", "between", [3, 1]), "/value"),
        (leaf("orders", "between", [1]), "/value"),
        (leaf("orders", "between", [1, None]), "/value/1"),
        (leaf("net_amount", "gte", "NaN"), "/value"),
        (leaf("net_amount", "gte", "1e99"), "/value"),
        (leaf("net_amount", "gte", {"a": 1}), "/value"),
        (leaf("last_paid_on", "gte", "yesterday"), "/value"),
        (leaf("days_since", "gte", 99_999), "/value"),
        (leaf("email_ok", "is", 1), "/value"),
        (leaf("city", "in", [" "]), "/value/0"),
        (leaf("city", "contains", "x" * 101), "/value"),
        (leaf("city", "contains", "a\x00b"), "/value"),
        ({"field": "stage", "op": "in", "value": ["lost"], "extra": 1}, "/"),
        ({"not": {"all": [leaf("nobody", "in", ["x"])]}}, "/not/all/0/field"),
    ],
)
def test_what_is_no_rule_is_refused_and_the_place_is_named(rule: object, path: str) -> None:
    with pytest.raises(BadRule) as caught:
        rules.parse(rule)
    assert caught.value.path == path
    assert caught.value.extra == {"path": path}
    assert path in caught.value.message


def test_rules_are_neither_deep_nor_large() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"not": nested(depth - 1)} if depth > 1 else leaf("orders", "gte", 1)

    rules.parse(nested(rules.MAX_DEPTH))
    with pytest.raises(BadRule):
        rules.parse(nested(rules.MAX_DEPTH + 1))
    many = [leaf("orders", "gte", 1)] * (rules.MAX_NODES - 1)
    rules.parse({"all": many})
    with pytest.raises(BadRule):
        rules.parse({"all": [*many, leaf("orders", "gte", 1)]})


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["all", "any", "not", "field", "op", "value", "_connector"]), x)))  # fmt: skip
def test_whatever_comes_is_a_rule_or_refused(rule: object) -> None:
    with suppress(BadRule):
        rules.describe(rule)


def test_a_rule_in_words() -> None:
    rule = {
        "all": [
            leaf("stage", "in", ["lost", "dormant"]),
            leaf("orders", "gte", 2),
            {"any": [leaf("email_ok", "is", True), {"not": leaf("last_paid_on", "gte", "2025-01-01")}]},
        ]
    }
    with translation.override("en"):
        assert rules.describe(rule) == (
            "Lifecycle stage is one of Lost, Dormant and Paid orders is at least 2 and "
            "(May get e-mail is yes or not (First purchase is on or after 2025-01-01))"
        ).replace("First", "Last")
        assert rules.describe({}) == "Everybody"
        assert rules.describe(leaf("net_amount", "between", [1, 2])) == "Net amount is between 1.00 and 2.00"
