"""The pages of products, their exports and their doors, as people with different roles see them."""

import csv
import io
import json
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from crm_suite.access.models import AuditEvent, User
from crm_suite.jobs.models import Job
from customers.models import Customer, CustomerFacts
from segmentation import baskets, rules
from segmentation.checks import Clock
from segmentation.intervals import Repeat
from segmentation.product_tables import due_rule, has_not_rule
from tests.builders import (
    make_customer,
    make_facts,
    make_line,
    make_product,
    make_purchase,
    make_shop,
    make_token,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop("tmall")


@pytest.fixture
def analyst(client: Client) -> User:
    user = make_user("analyst")
    client.force_login(user)
    return user


def buy(who, shop, day: str, *products) -> None:
    order = make_purchase(who, shop, day)
    for product in products:
        make_line(order, product, "10")


@pytest.fixture
def store(shop):
    """Thirty buy tea and twenty of them a cup, twenty-one days later; fifty others buy soap; one a cup alone."""
    tea, cup, soap = (make_product(shop, sku, name=sku.title(), category="Home") for sku in ("tea", "cup", "soap"))
    for number in range(30):
        who = make_customer(f"T{number}")
        buy(who, shop, "2026-01-01", tea)
        if number < 20:
            buy(who, shop, "2026-01-22", cup, tea)
    for number in range(50):
        buy(make_customer(f"S{number}"), shop, "2026-01-05", soap)
    buy(make_customer("Alone"), shop, "2026-01-23", cup)
    return {"tea": tea, "cup": cup, "soap": soap}


@pytest.mark.usefixtures("analyst")
def test_pairs_stand_with_their_figures(client: Client, store) -> None:
    response = client.get(reverse("segmentation:affinity_figures"))
    (row,) = response.context["found"].rows
    assert (row.first.name, row.second.name) == ("Cup", "Tea")
    pair = row.pair
    assert (pair.together, pair.first_n, pair.second_n, pair.baskets) == (20, 21, 30, 81)
    assert pair.lift == pytest.approx(20 * 81 / (21 * 30))
    page = response.content.decode()
    assert "95 % of those with “Cup” have “Tea” too" in page
    assert "more than chance" in page
    assert "30 paid orders" not in page
    assert "101 paid orders of 81 known customers" in page


@pytest.mark.usefixtures("analyst")
def test_one_product_shows_what_is_bought_next(client: Client, store) -> None:
    tea, cup = (f"product:{store[name].pk}" for name in ("tea", "cup"))
    response = client.get(reverse("segmentation:affinity_figures"), {"product": tea})
    (row,) = response.context["found"].rows
    assert (row.first.reference, row.second.reference) == (tea, cup)
    assert row.pair.confidence == pytest.approx(20 / 30)
    following = response.context["next"]
    assert (following.buyers, following.back) == (30, 20)
    assert {(one.product.reference, one.n, one.median) for one in following.rows} == {(cup, 20, 21), (tea, 20, 21)}
    assert "the same again" in response.content.decode()


@pytest.mark.usefixtures("analyst")
def test_few_buyers_who_came_back_cannot_tell(client: Client, store) -> None:
    soap = f"product:{store['soap'].pk}"
    page = client.get(reverse("segmentation:affinity_figures"), {"product": soap}).content.decode()
    assert "Cannot tell: no other product was bought together with “Soap” 5 times or more." in page
    assert "Cannot tell: 0 of 50 buyers bought again on a later day, and 20 are needed." in page


@pytest.mark.usefixtures("analyst", "store")
@pytest.mark.parametrize("nonsense", ["product:0", "item:x", "%00", "x" * 500])
def test_nonsense_in_the_address_shows_a_page(client: Client, nonsense: str) -> None:
    query = {"product": nonsense, "by": nonsense, "least": nonsense, "sort": nonsense, "days": nonsense}
    for name in ("affinity", "affinity_figures", "intervals", "intervals_figures"):
        assert client.get(reverse(f"segmentation:{name}"), query).status_code == 200
    page = client.get(reverse("segmentation:affinity_figures"), query).content.decode()
    assert "not among the 3 with most buyers" in page


@pytest.mark.usefixtures("analyst", "store")
def test_the_same_order_is_another_question(client: Client) -> None:
    found = client.get(reverse("segmentation:affinity_figures"), {"by": "order"}).context["found"]
    assert [(row.pair.together, row.pair.baskets) for row in found.rows] == [(20, 101)]
    none = client.get(reverse("segmentation:affinity_figures"), {"by": "order", "least": "25"})
    assert none.context["found"].rows == []
    assert "Cannot tell: no two products were bought together 25 times or more." in none.content.decode()


def test_the_button_makes_the_segment_of_those_who_lack_the_second(client: Client, store) -> None:
    client.force_login(make_user("operator"))
    tea = f"product:{store['tea'].pk}"
    response = client.get(reverse("segmentation:affinity_figures"), {"product": tea})
    (row,) = response.context["found"].rows
    assert "Who lacks the second" in response.content.decode()
    rule = json.loads(parse_qs(urlsplit(row.segment_url).query)["rule"][0])
    assert client.get(row.segment_url).status_code == 200
    assert members(rule) == sorted(f"T{number}" for number in range(20, 30))


def members(rule: object) -> list[str]:
    """Who fits a rule, counted to the last day of the store; facts of everybody are made for it."""
    for who in Customer.objects.filter(facts=None):
        make_facts(who)
    clock = Clock(date(2026, 1, 23), "Asia/Shanghai")
    found = CustomerFacts.objects.filter(rules.condition(rules.parse(rule), clock))
    return sorted(found.values_list("customer__name", flat=True))


def test_the_rule_of_those_who_are_due_finds_them(shop) -> None:
    """P30 to P90 are 10 and 20 days; the day is 23 January."""
    tea, cup = make_product(shop, "tea"), make_product(shop, "cup")
    for name, day in {"Just": "2026-01-14", "P30": "2026-01-13", "P90": "2026-01-03", "Gone": "2026-01-02"}.items():
        buy(make_customer(name), shop, day, tea)
    buy(make_customer("Cup"), shop, "2026-01-10", cup)
    rule = due_rule(f"product:{tea.pk}", Repeat(4, 4, 20, 10, 15, 16, 20, 2))
    assert members(rule) == ["P30", "P90"]
    assert due_rule("product:1", Repeat(4, 4, 3, None, None, None, None, None)) is None
    assert rules.describe(has_not_rule(f"product:{tea.pk}", f"product:{cup.pk}"))


@pytest.mark.usefixtures("analyst")
def test_days_between_purchases_with_histogram_and_too_few(client: Client, store) -> None:
    url = reverse("segmentation:intervals_figures")
    response = client.get(url)
    rows = {row.name: row.repeat for row in response.context["rows"]}
    assert (rows["Tea"].spells, rows["Tea"].median, rows["Tea"].once) == (20, 21, 10)
    assert (rows["Soap"].spells, rows["Soap"].median) == (0, None)
    assert "too few" in response.content.decode()
    # Tea on the first, cup and tea on the twenty-second: one spell of the category.
    assert [(row.name, row.repeat.spells) for row in response.context["categories"]] == [("Home", 20)]
    one = client.get(url, {"product": f"product:{store['tea'].pk}"}).context["one"]
    assert one["chart"]["title"] == "“Tea”: half of those who buy it again do so within 21 days"
    assert sum(one["chart"]["series"][0]["data"]) == 20
    assert {mark["x"] for mark in one["chart"]["marks"]} <= set(one["chart"]["x"])
    few = client.get(url, {"product": f"product:{store['soap'].pk}"}).content.decode()
    assert "Cannot tell: 50 buyers bought it again 0 times, and 20 are needed." in few
    assert client.get(url, {"category": "Home"}).context["one"]["name"] == "Home"


@pytest.mark.usefixtures("analyst")
def test_the_product_page_shows_its_companions(client: Client, store) -> None:
    page = client.get(reverse("segmentation:product_panel", args=[store["tea"].pk])).content.decode()
    assert "Cup" in page
    assert "After 21 days" in page
    soap = client.get(reverse("segmentation:product_panel", args=[store["soap"].pk])).content.decode()
    assert "Cannot tell: too few of its buyers" in soap
    shell = client.get(reverse("orders:product", args=[store["tea"].pk])).content.decode()
    assert reverse("segmentation:product_panel", args=[store["tea"].pk]) in shell


@pytest.mark.usefixtures("analyst", "store")
def test_exports_hold_the_pairs_and_the_days_and_are_recorded(client: Client) -> None:
    pairs = rows_of(client, "affinity_export")
    assert [row[:3] for row in pairs[1:]] == [["Cup", "Tea", "20"]]
    days = rows_of(client, "intervals_export")
    assert ["Product", "Tea", "30", "10", "20", "21", "21", "21", "21"] in [row[:9] for row in days]
    assert ["Category", "Home"] in [row[:2] for row in days]
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"segmentation.export_affinity", "segmentation.export_intervals"} <= actions


def rows_of(client: Client, name: str) -> list[list[str]]:
    body = b"".join(client.get(reverse(f"segmentation:{name}")).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(body)))


def test_names_that_would_be_formulas_are_disarmed(client: Client, shop) -> None:
    client.force_login(make_user("analyst"))
    evil, cup = make_product(shop, "evil", name="=1+1"), make_product(shop, "cup", name="Cup")
    for number in range(5):
        buy(make_customer(f"C{number}"), shop, "2026-01-01", evil, cup)
    assert rows_of(client, "affinity_export")[1][0] == "'=1+1"


@pytest.mark.usefixtures("analyst")
def test_nothing_to_count_says_what_is_missing(client: Client, shop) -> None:
    for name in ("affinity", "intervals"):
        assert "No paid orders yet" in client.get(reverse(f"segmentation:{name}")).content.decode()
    make_purchase(make_customer("Ann"), shop, "2026-01-01")
    for name in ("affinity_figures", "intervals_figures"):
        assert "No order tells its products" in client.get(reverse(f"segmentation:{name}")).content.decode()


@pytest.mark.usefixtures("store")
def test_a_large_store_is_counted_on_demand(client: Client, monkeypatch) -> None:
    monkeypatch.setattr(baskets, "SMALL", 10)
    client.force_login(make_user("operator"))
    page = reverse("segmentation:affinity")
    assert "Count now" in client.get(page).content.decode()
    assert "Not counted yet" in client.get(reverse("segmentation:affinity_figures")).content.decode()
    answer = client.post(reverse("segmentation:count_baskets"), {"days": "180"})
    assert answer["Location"] == f"{page}?days=180"
    job = Job.objects.get()
    assert reverse("jobs:panel", args=[job.pk]) in client.get(f"{page}?days=180").content.decode()
    client.post(reverse("segmentation:count_baskets"), {"days": "7"})
    assert Job.objects.count() == 1


def test_an_analyst_may_not_have_it_counted(client: Client, analyst: User, store, monkeypatch) -> None:
    monkeypatch.setattr(baskets, "SMALL", 10)
    assert "Count now" not in client.get(reverse("segmentation:affinity")).content.decode()
    assert client.post(reverse("segmentation:count_baskets"), {"days": "365"}).status_code == 403


# --- doors ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def door(client: Client):
    headers = {"Authorization": f"Bearer {make_token('analytics:read', 'customers:read')}"}
    return lambda path, **query: client.get(f"/api/v1/{path}", query, headers=headers)


def test_the_door_of_affinity_tells_what_the_page_tells(door, store) -> None:
    body = door("affinity").json()
    assert (body["book"], body["baskets"], body["pairs_in_all"], body["next"]) == ("CNY", 81, 1, None)
    (pair,) = body["pairs"]
    assert (pair["first"]["name"], pair["together"], pair["verdict"]) == ("Cup", 20, "more")
    low, high = pair["confidence_interval"]
    assert low < pair["confidence"] < high
    tea = door("affinity", product=f"product:{store['tea'].pk}", by="order").json()
    assert (tea["baskets"], tea["pairs"][0]["first_n"], tea["next"]["back"]) == (101, 50, 20)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("wrong", [{"by": "week"}, {"days": "7"}, {"least": "-1"}, {"product": "tea"}, {"sort": "x"}])
def test_the_door_refuses_nonsense_by_name(door, wrong: dict[str, str]) -> None:
    answer = door("affinity", **wrong)
    assert answer.status_code == 422
    assert next(iter(wrong)) in json.dumps(answer.json()["errors"])


@pytest.mark.usefixtures("store")
def test_the_doors_say_that_nothing_is_counted_yet(door, monkeypatch) -> None:
    assert door("intervals", book="EUR").status_code == 404
    monkeypatch.setattr(baskets, "SMALL", 10)
    answer = door("affinity")
    assert (answer.status_code, answer.json()["type"]) == (409, "/errors/not_counted")


def test_the_door_of_intervals(door, store) -> None:
    body = door("intervals", product=f"product:{store['tea'].pk}").json()
    (tea,) = body["products"]
    assert (tea["name"], tea["spells"], tea["p90"], tea["due"]) == ("Tea", 20, 21, 0)
    assert body["categories"] == []
    everything = door("intervals").json()
    soap = next(row for row in everything["products"] if row["name"] == "Soap")
    assert (soap["spells"], soap["median"]) == (0, None)
    assert [row["name"] for row in everything["categories"]] == ["Home"]
