"""Merges that are undone give back what was, to the byte, whatever happened before."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from crm_suite.lib.errors import BadInput, WrongState
from customers.merging import merge_customers, unmerge
from customers.models import (
    Community,
    Consent,
    Customer,
    CustomerMerge,
    CustomerNote,
    PointsEntry,
    Tag,
)  # fmt: skip
from customers.persons import export_person
from customers.services import refresh_reach
from orders.models import Order, Refund
from segmentation.models import AnalysisRun, LabelChange, SegmentMember
from tests.builders import (
    NOON,
    make_campaign,
    make_consent,
    make_customer,
    make_identity,
    make_purchase,
    make_segment,
    make_shop,
    make_touchpoint,
)  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture
def lei():
    return make_customer("李雷", phone="+8613800138000")


@pytest.fixture
def mei():
    return make_customer("", email="mei@example.com", city="杭州")


def merged(kept, gone, **options):
    return merge_customers(kept=kept, gone=gone, by=None, **options)


def points(customer, amount, key, **fields):
    kind = "earn" if amount > 0 else "redeem"
    return PointsEntry.objects.create(customer=customer, kind=kind, points=amount, occurred_at=NOON, key=key, **fields)


PEOPLE = 3
who = st.integers(0, PEOPLE - 1)
small = st.integers(1, 3)
flag = st.booleans()
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), who, small),
        st.tuples(st.just("refund"), who, small),
        st.tuples(st.just("touch"), who, small),
        st.tuples(st.just("message"), who, small),
        st.tuples(st.just("points"), who, small),
        st.tuples(st.just("consent"), who, flag),
        st.tuples(st.just("tag"), who, small),
        st.tuples(st.just("note"), who, small),
        st.tuples(st.just("community"), who, small),
        st.tuples(st.just("snapshot"), who, small),
        st.tuples(st.just("identity"), who, small),
        st.tuples(st.just("label"), who, small),
        st.tuples(st.just("phone"), who, small),
    ),
    max_size=25,
)
MERGES = st.lists(st.tuples(who, who), min_size=1, max_size=4)


class World:
    """Three customers, and things that happen to them."""

    def __init__(self) -> None:
        self.people = [make_customer(name) for name in ("甲", "", "丙")]
        self.shop = make_shop()
        self.campaigns = [make_campaign(self.shop) for _ in range(3)]
        self.tags = [Tag.objects.create(name=name) for name in ("VIP", "母婴", "团购")]
        self.communities = [Community.objects.create(name=name) for name in "ABC"]
        self.segments = [make_segment(kind="snapshot") for _ in range(3)]
        self.run = AnalysisRun.objects.create(book="CNY", as_of=NOON.date())
        self.orders: list[Order] = []
        self.number = 0

    def tell(self, kind: str, person: int, detail: int) -> None:
        self.number += 1
        actions: dict[str, Callable[[Customer, int], object]] = {
            "order": self.order, "refund": self.refund, "points": self.points, "consent": self.consent,
            "touch": lambda who, n: make_touchpoint(who, f"t{self.number}", satisfaction=n),
            "message": lambda who, n: self.once(who.messages, campaign=self.campaigns[n - 1], channel="email",
                                                due_at=NOON),
            "tag": lambda who, n: self.once(who.tags, tag=self.tags[n - 1]),
            "note": lambda who, n: CustomerNote.objects.create(customer=who, text=f"note {n}"),
            "community": lambda who, n: self.once(who.communities, community=self.communities[n - 1],
                                                  since=NOON.date()),
            "snapshot": lambda who, n: SegmentMember.objects.get_or_create(segment=self.segments[n - 1], customer=who),
            "identity": lambda who, n: make_identity(who, f"nick{self.number}", scope=f"shop{n}"),
            "label": lambda who, n: LabelChange.objects.get_or_create(
                customer=who, run=self.run, kind="stage", defaults={"new": "new", "on": NOON.date()}),
            "phone": lambda who, n: Customer.objects.filter(pk=who.pk).update(phone=f"+861380013800{n}", note=f"n{n}"),
        }  # fmt: skip
        actions[kind](self.people[person], detail)

    def once(self, rows, **fields):
        return rows.filter(**fields).exists() or rows.create(**fields)

    def order(self, who, n):
        self.orders.append(make_purchase(who, self.shop, f"2026-03-0{n}", str(100 * n)))

    def refund(self, who, n):
        order = next((order for order in self.orders if order.customer_id == who.pk), None)
        Refund.objects.create(
            shop=self.shop, external_id=f"R{self.number}", customer=who, order=order, amount=n, refunded_at=NOON,
            refunded_on=NOON.date(),
        )  # fmt: skip

    def points(self, who, n):
        points(who, 10 * n, f"p{self.number}")

    def consent(self, who, granted):
        make_consent(who, "sms", granted, occurred_at=NOON + timedelta(hours=self.number))

    def export(self):
        return [export_person(Customer.objects.get(pk=person.pk)) for person in self.people]

    def merge(self, kept, gone):
        """None where one of the two is not there any more."""
        kept, gone = self.people[kept], self.people[gone]
        try:
            return merged(kept, gone)
        except (BadInput, WrongState):
            return None


class Rolled(Exception):
    pass


@given(events=EVENTS, merges=MERGES)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_undone_in_reverse_every_merge_gives_back_what_was(db, events, merges):
    with pytest.raises(Rolled), transaction.atomic():
        world = World()
        for event in events:
            world.tell(*event)
        refresh_reach()
        states = []
        for kept, gone in merges:
            before = world.export()
            if (merge := world.merge(kept, gone)) is not None:
                states.append((before, merge))
        for before, merge in reversed(states):
            unmerge(merge=merge, by=None)
            assert world.export() == before
        raise Rolled


@given(events=EVENTS, merges=MERGES, order=st.permutations(range(4)))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_in_any_order_undoing_is_exact_or_refused(db, events, merges, order):
    with pytest.raises(Rolled), transaction.atomic():
        world = World()
        for event in events:
            world.tell(*event)
        refresh_reach()
        before = world.export()
        done = [merge for kept, gone in merges if (merge := world.merge(kept, gone)) is not None]
        refused = 0
        waiting = [done[place] for place in order if place < len(done)]
        while waiting:
            merge = waiting.pop(0)
            try:
                with transaction.atomic():
                    unmerge(merge=merge, by=None)
            except WrongState as refusal:
                assert refusal.code == "later_merge"
                waiting.append(merge)
                refused += 1
        assert world.export() == before
        assert refused == 0 or len(done) > 1
        assert CustomerMerge.objects.filter(undone_at__isnull=True).count() == 0
        raise Rolled


def test_the_points_of_a_merge_and_its_consents_are_exact_by_name(lei, mei):
    """One history written out: what the random ones cover, as somebody would read it."""
    shop = make_shop("jd")
    make_purchase(mei, shop, "2026-03-01")
    points(mei, 30, "a")
    make_consent(mei, "email", False)
    make_consent(lei, "email", True)
    refresh_reach()
    before = [export_person(customer) for customer in (lei, mei)]
    merge = merged(lei, mei)
    assert Consent.objects.filter(customer=lei).count() == 3
    unmerge(merge=merge, by=None)
    lei.refresh_from_db()
    mei.refresh_from_db()
    assert [export_person(customer) for customer in (lei, mei)] == before
