"""Who of the real audience lacks what a text needs, counted by the database."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.texts.gaps import Gaps, gaps_of
from customers.models import Customer, CustomerFacts, Shop
from segmentation.models import Segment
from tests.builders import make_shop, make_user
from tests.campaigns.delivery_cast import reachable

pytestmark = pytest.mark.django_db


def judged(body: str, **fields: str) -> Gaps:
    people = CustomerFacts.objects.filter(book="CNY")
    return gaps_of(
        people=people, **{"channel": "email", "subject": "s", "zone": "Asia/Shanghai", "body": body, **fields}
    )


def counted(found: Gaps) -> dict[str, int]:
    return {gap.field: gap.n for gap in found.gaps}


@pytest.fixture
def people() -> list[Customer]:
    """Ann of Aba, Bea of nowhere, and one of whom only the address is known; nobody may write to Dan."""
    make_shop()
    ann, bea, blank = reachable("Ann", city="Aba"), reachable("Bea"), reachable("x")
    Customer.objects.filter(pk=blank.pk).update(name="")
    dan = reachable("x", channel="sms")
    Customer.objects.filter(pk=dan.pk).update(name="")
    return [ann, bea, blank]


def test_those_without_a_value_are_counted_by_field(people: list[Customer]) -> None:
    found = judged("Hi {{ name }} of {{ city }}")
    assert (found.audience, found.failing) == (3, 2)
    assert counted(found) == {"city": 2, "name": 1}
    city, name = found.gaps
    assert {who.customer_id for who in city.examples} == {people[1].pk, people[2].pk}
    assert [who.customer_id for who in name.examples] == [people[2].pk]


@pytest.mark.parametrize(
    "body",
    [
        "Hi {{ name | default: 'friend' }}",
        "{% if name %}Hi {{ name }}{% endif %} there",
        "{{ shop }}, {{ orders }} orders",
    ],
)
def test_a_default_or_a_condition_closes_the_gap(people: list[Customer], body: str) -> None:
    assert judged(body).failing == 0


def test_a_condition_on_a_value_is_judged_by_everybodys_value(people: list[Customer]) -> None:
    CustomerFacts.objects.filter(pk=people[0].pk).update(orders=9)
    body = "{% if orders > 5 %}none of your business{% else %}{{ city }}{% endif %}"
    assert counted(judged(body)) == {"city": 2}
    assert counted(judged("{% if orders > 5 %}{{ city }}{% endif %} hello")) == {}
    assert counted(judged("{% if orders < 5 %}{{ city }}{% endif %} hello")) == {"city": 2}


def test_the_subject_counts_too(people: list[Customer]) -> None:
    assert counted(judged("Hi", subject="{{ name }}")) == {"name": 1}


def test_days_are_missing_for_those_who_never_bought(people: list[Customer]) -> None:
    CustomerFacts.objects.filter(pk=people[0].pk).update(last_paid_on="2026-03-02")
    assert counted(judged("{{ last_purchase_days }} days")) == {"last_purchase_days": 2}


def test_what_is_wrong_for_everybody_is_said_instead(people: list[Customer]) -> None:
    assert "There is no merge field" in judged("{{ nmae }}").problems[0]
    assert judged("Hi", subject="").problems


def test_one_query_counts_however_many_there_are(people: list[Customer]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            judged("Hi {{ name }} of {{ city }}")
        return len(asked)

    before = queries()
    for number in range(20):
        reachable(f"Person {number}")
    assert queries() <= before


def test_the_editor_checks_a_segment(client: Client, people: list[Customer]) -> None:
    client.force_login(make_user("specialist"))
    segment = Segment.objects.create(name="Everybody", rule={"all": []}, book=Shop.objects.get().book)
    wish = {"channel": "email", "subject": "s", "body": "{{ city }}", "segment": segment.pk}
    page = client.post(reverse("campaigns:template_gaps"), wish).content.decode()
    assert "2 of 3 reachable customers" in page and "2 lack “city”" in page and "B**" not in page and "B*" in page
    assert "Choose a segment" in client.post(reverse("campaigns:template_gaps"), {"body": "x"}).content.decode()
