"""The acquisition pages and doors, as people and programs use them."""

import csv
import io
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from crm_suite.access.models import AuditEvent, User
from customers.models import Customer, Shop
from segmentation.models import SpendEntry
from tests.builders import (
    make_customer,
    make_facts,
    make_purchase,
    make_shop,
    make_spend,
    make_token,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("june")]

PERIOD = "?first=2026-01-01&last=2026-03-31"


@pytest.fixture
def june():
    with time_machine.travel(datetime(2026, 6, 30, 4, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def shop() -> Shop:
    return make_shop("main", name="Main", platform="tmall", timezone="Asia/Shanghai")


@pytest.fixture
def operator(client: Client) -> User:
    user = make_user("operator")
    client.force_login(user)
    return user


@pytest.fixture
def fair(shop: Shop) -> Customer:
    """Thirty from the fair, who cost 50 each; the last bought for 20 and is lost, the others twice for 40."""
    for number in range(29):
        who = make_customer(f"Buyer {number}", source="Fair")
        make_purchase(who, shop, "2026-01-01", "40"), make_purchase(who, shop, "2026-02-15", "40")
    mei = make_customer("Mei Ling", source="fair", phone="+8613800138000")
    make_purchase(mei, shop, "2026-01-01", "20")
    make_facts(mei, stage="lost")
    make_purchase(make_customer("June", source="elsewhere"), shop, "2026-06-29")
    make_spend("fair", "1500", quantity=1_000, conversion=Decimal("0.03"))
    return mei


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def table_of(client: Client, url: str) -> list[list[str]]:
    response = client.get(url)
    assert response.status_code == 200
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]


@pytest.mark.usefixtures("operator")
def test_pages_say_what_is_missing(client: Client) -> None:
    pages = ("acquisition", "acquisition_figures", "payback_panel", "acquisition_unpaid", "spend")
    for _round in range(2):
        for page in pages:
            text_of(client, reverse(f"segmentation:{page}"))
        make_shop()
    assert "No paid orders yet" in text_of(client, reverse("segmentation:acquisition"))
    assert "No cost is known" in text_of(client, reverse("segmentation:acquisition_unpaid"))
    assert "No spend recorded" in text_of(client, reverse("segmentation:spend"))


@pytest.mark.usefixtures("operator", "fair")
def test_the_page_shows_sources_and_pay_back(client: Client) -> None:
    assert "from 2026-01-01 to 2026-03-31" in text_of(client, reverse("segmentation:acquisition") + PERIOD)
    figures = text_of(client, reverse("segmentation:acquisition_figures") + PERIOD)
    assert "Fair brought most: 100 % of the new customers" in figures
    assert figures.count("CN¥50.00") >= 3  # as recorded, as promised, in all
    panel = text_of(client, reverse("segmentation:payback_panel") + PERIOD)
    assert "A new customer cost CN¥50.00 and has brought that in with order 2, on average. It took 2 months." in panel
    assert "n = 30 new customers, measured by net amount up to 2026-06-30." in panel
    table = table_of(client, reverse("segmentation:payback_export") + PERIOD)
    assert table[1][:7] == ["Fair", "order", "1", "30", "30", "net amount", "39.33"]
    assert table[2][:7] == ["Fair", "order", "2", "30", "29", "net amount", "78.00"]
    assert table_of(client, reverse("segmentation:acquisition_export") + PERIOD)[1][:5] == [
        "Fair", "30", "39.33", "1500.00", "50.00",
    ]  # fmt: skip


@pytest.mark.usefixtures("operator")
def test_not_yet_and_cannot_tell_are_said(client: Client, fair: Customer) -> None:
    SpendEntry.objects.update(price=30_000)
    assert "Not yet: a new customer cost CN¥1,000.00" in text_of(client, reverse("segmentation:payback_panel") + PERIOD)
    fair.orders.all().delete()
    url = reverse("segmentation:payback_panel") + "?first=2026-01-01&last=2026-03-30"
    assert "Cannot tell: 29 new customers, and 30 are needed." in text_of(client, url)
    SpendEntry.objects.all().delete()
    assert "no spend is recorded for this source" in text_of(client, url)


@pytest.mark.usefixtures("operator")
def test_who_never_paid_back_is_listed_with_what_to_do(client: Client, fair: Customer) -> None:
    url = reverse("segmentation:acquisition_unpaid") + PERIOD
    page = text_of(client, url)
    assert "1 of 30 customers who came at least 180 days ago have brought in less" in page
    assert "Mei Ling" in page and "Stop writing; hand to a cheaper channel" in page and "Buyer 3" not in page
    header, row = table_of(client, reverse("segmentation:unpaid_export") + PERIOD)
    assert dict(zip(header, row, strict=True)) == {
        "Number": str(fair.pk), "Full name": "M***", "Phone": "138****8000", "E-mail": "", "Source": "Fair",
        "Lifecycle stage": "lost", "First purchase": "2026-01-01", "Last purchase": "2026-01-01", "Orders": "1",
        "Brought in": "20.00", "Measure": "net amount", "Cost": "50.00", "Missing": "30.00", "Currency": "CNY",
        "Next step": "Stop writing; hand to a cheaper channel",
    }  # fmt: skip
    event = AuditEvent.objects.get(action="customer.export")
    assert (event.changes["list"], event.changes["clear"]) == ("never paid back", False)


# --- spend ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("fixed", {"price", "quantity", "conversion"}),
        ("cpc", {"price", "quantity", "conversion"}),
        ("cpm", {"price", "quantity", "click_rate", "conversion"}),
        ("commission", {"rate"}),
    ],
)
@pytest.mark.usefixtures("operator", "shop")
def test_the_form_asks_what_the_kind_needs(client: Client, kind: str, asked: set[str]) -> None:
    form = client.get(reverse("segmentation:spend_new") + f"?kind={kind}").context["form"]
    assert set(form.fields) == {"source", "first_day", "last_day", "note"} | asked


@pytest.mark.usefixtures("shop", "operator")
def test_spend_is_entered_in_per_cent_changed_and_deleted(client: Client) -> None:
    given = {"source": "Fair", "first_day": "2026-01-01", "last_day": "2026-01-31", "price": "140000",
             "quantity": "100000", "conversion": "2"}  # fmt: skip
    assert client.post(reverse("segmentation:spend_new"), given).status_code == 302
    entry = SpendEntry.objects.get()
    assert (entry.book, entry.kind, entry.conversion) == ("CNY", "fixed", Decimal("0.02"))
    page = text_of(client, reverse("segmentation:spend"))
    assert "CN¥140,000.00" in page and "CN¥70.00" in page
    edit = reverse("segmentation:spend_edit", args=[entry.pk])
    assert 'value="2"' in text_of(client, edit)
    answer = client.post(edit, {**given, "last_day": "2025-01-31"})
    assert answer.context["form"].errors == {"last_day": ["The last day comes before the first."]}
    client.post(edit, {**given, "price": "70000"})
    entry.refresh_from_db()
    assert entry.price == 70_000
    assert table_of(client, reverse("segmentation:spend_export"))[1][9:12] == ["70000.00", "35.00", "CNY"]
    client.post(reverse("segmentation:spend_delete", args=[entry.pk]))
    assert not SpendEntry.objects.exists()


@pytest.mark.usefixtures("shop", "operator")
def test_entries_are_filtered_by_source_and_period(client: Client) -> None:
    make_spend("fair"), make_spend("search", kind="cpc", first_day="2026-04-01", last_day="2026-04-30")
    make_spend("elsewhere", book="EUR")
    url = reverse("segmentation:spend")
    sources = {
        query: [row.source for row in client.get(url + query).context["listing"]]
        for query in ("", "?source=SEA", "?kind=fixed", "?first=2026-04-01", "?last=2026-03-31", "?source=none")
    }
    assert sources == {
        "": ["search", "fair"], "?source=SEA": ["search"], "?kind=fixed": ["fair"], "?first=2026-04-01": ["search"],
        "?last=2026-03-31": ["fair"], "?source=none": [],
    }  # fmt: skip
    assert "No entry fits" in text_of(client, url + "?source=none")


@pytest.mark.usefixtures("fair")
def test_an_analyst_reads_and_records_nothing(client: Client) -> None:
    client.force_login(make_user("analyst"))
    assert "Record spend" not in text_of(client, reverse("segmentation:acquisition"))
    pk = SpendEntry.objects.get().pk
    for url in (reverse("segmentation:spend_new"), reverse("segmentation:spend_edit", args=[pk])):
        assert client.get(url).status_code == 403
    assert client.post(reverse("segmentation:spend_delete", args=[pk])).status_code == 403


# --- API --------------------------------------------------------------------------------------------------------------


def door(*scopes: str, **fields: Any) -> APIClient:
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {make_token(*scopes, **fields)}")
    return found


@pytest.mark.usefixtures("fair")
def test_costs_and_pay_back_over_the_api() -> None:
    api = door("analytics:read")
    found = api.get("/api/v1/acquisition" + PERIOD).json()
    assert (found["book"], found["currency"], found["new_customers"], found["others"]) == ("CNY", "CNY", 30, 0)
    (source,) = found["sources"]
    assert (source["source"], source["label"], source["cost_per_customer"], source["promised_high"]) == (
        "fair", "Fair", "50.00", "50.00",
    )  # fmt: skip
    found = api.get(f"/api/v1/acquisition/payback{PERIOD}&source=Fair").json()
    assert (found["source"], found["basis"], found["cost"], found["can_tell"]) == ("fair", "net", "50.00", True)
    assert found["paid_back_with_order"] == {"at": 2, "is_sure": True}
    assert [(point["at"], point["reached"], point["amount"]) for point in found["by_order"]] == [
        (1, 30, "39.33"), (2, 29, "78.00"),
    ]  # fmt: skip
    assert api.get(f"/api/v1/acquisition/payback{PERIOD}&source=nobody").status_code == 404
    assert api.get("/api/v1/acquisition?book=XXX").status_code == 404
    assert api.get("/api/v1/acquisition?first=2026-02-01&last=2026-01-01").status_code == 422
    assert api.get("/api/v1/acquisition?first=spring").status_code == 422


@pytest.mark.usefixtures("shop")
def test_spend_over_the_api() -> None:
    api = door("analytics:read", "analytics:write")
    given = {"book": "CNY", "source": "views", "kind": "cpm", "first_day": "2026-01-01", "last_day": "2026-01-31",
             "price": "40.00", "quantity": 1_000_000, "click_rate": "0.01", "conversion": "0.02"}  # fmt: skip
    made = api.post("/api/v1/acquisition/spend", given, format="json")
    assert made.status_code == 201
    assert (made.json()["spent"], made.json()["cost_per_customer"]) == ("40000.00", "200.00")
    one = f"/api/v1/acquisition/spend/{made.json()['id']}"
    changed = api.patch(one, {"price": "1.00"}, format="json")
    assert (changed.json()["cost_per_customer"], changed.json()["source"]) == ("5.00", "views")
    refused = api.patch(one, {"kind": "commission"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/rate")
    assert [row["kind"] for row in api.get("/api/v1/acquisition/spend?book=CNY").json()["results"]] == ["cpm"]
    assert api.get("/api/v1/acquisition/spend?book=EUR").json()["results"] == []
    assert door("analytics:read").post("/api/v1/acquisition/spend", given, format="json").status_code == 403
    analyst = door("analytics:write", user=make_user("analyst"))
    assert analyst.post("/api/v1/acquisition/spend", given, format="json").status_code == 403
    assert api.delete(one).status_code == 204
    assert not SpendEntry.objects.exists()


def test_the_source_of_a_customer_is_told_over_the_api() -> None:
    mei = make_customer("Mei")
    api = door("customers:read", "customers:write")
    assert api.patch(f"/api/v1/customers/{mei.pk}", {"source": "Fair"}, format="json").json()["source"] == "Fair"
    mei.refresh_from_db()
    assert mei.source == "Fair"
