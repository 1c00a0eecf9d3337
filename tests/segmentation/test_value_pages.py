"""Customer value as people with different roles see it, and as machines read it."""

import json
import re
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from crm_suite.access.models import AuditEvent, User
from crm_suite.jobs.models import Job
from customers.models import CustomerFacts, Shop
from segmentation import selectors
from segmentation.clv.services import KIND, refresh_value
from segmentation.models import CustomerValue, ValueModel
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop, make_token, make_user

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)
PAGE = "segmentation:value"


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall")


@pytest.fixture
def operator(client: Client) -> User:
    user = make_user("operator")
    client.force_login(user)
    return user


@pytest.fixture
def told(shop: Shop) -> ValueModel:
    """Sixty who came back; Mei comes every fortnight, Old stayed away long ago, Kai and Lou lately; Ann bought once."""
    for number in range(60):
        first = date(2025, 1, 1) + timedelta(days=number)
        gaps = [0, 20 + number % 40, 45 + 2 * number, 200 + number][: 2 + number % 3]
        buys(f"C{number}", shop, *(first + timedelta(days=gap) for gap in gaps), paid=f"{40 + 13 * (number % 9)}")
    buys("Mei Lin", shop, *(date(2025, 9, 1) + timedelta(days=14 * step) for step in range(15)), paid="500")
    buys("Old Friend", shop, *(date(2025, 1, 1) + timedelta(days=7 * step) for step in range(9)))
    buys("Kai Wei", shop, *(date(2026, 2, 20) - timedelta(days=14 * step) for step in range(9)))
    buys("Lou Small", shop, *(date(2026, 2, 1) - timedelta(days=21 * step) for step in range(9)), paid="20")
    buys("Ann Once", shop, date(2026, 2, 1))
    refresh(as_of=DAY)
    return refresh_value(book="CNY")


def buys(name: str, shop: Shop, *days: date, paid: str = "100") -> None:
    who = make_customer(name, phone="+8613800138000" if name == "Mei Lin" else "")
    for day in days:
        make_purchase(who, shop, day.isoformat(), paid)


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.mark.usefixtures("operator")
def test_the_page_says_what_is_missing(client: Client) -> None:
    assert "No shop yet" in text_of(client, reverse(PAGE))
    make_purchase(make_customer("Ann"), make_shop(), "2026-02-01")
    assert "Nothing calculated yet" in text_of(client, reverse(PAGE))
    refresh(as_of=DAY)
    assert "minutes of each full analysis" in text_of(client, reverse(PAGE))
    refresh_value(book="CNY")
    page = text_of(client, reverse(PAGE))
    assert "Cannot tell" in page
    assert "0 customers have bought on a second day" in page
    assert "A forecast needs 50" in page


@pytest.mark.usefixtures("operator")
def test_the_page_adds_up(client: Client, told: ValueModel) -> None:
    response = client.get(reverse(PAGE))
    bands, charts = response.context["bands"], (response.context["alive"], response.context["holdout"])
    assert sum(band.n for band in bands) == told.counts["all"]["n"] == CustomerValue.objects.count() == 65
    assert sum(band.share for band in bands) == pytest.approx(1)
    assert sum(band.net_share for band in bands) == pytest.approx(1)
    assert sum(charts[0]["series"][0]["data"]) == 64
    assert "probably still customers" in charts[0]["title"]
    assert [len(one["data"]) for one in charts[1]["series"]] == [len(charts[1]["x"])] * 3
    page = re.sub(r"\s+", " ", response.content.decode())
    assert "bought once" in page
    assert "2026-03-31" in page
    assert "Log-likelihood of BG/NBD" in page
    assert page.count("not determined by the data") == list(told.counts["intervals"].values()).count(None)


@pytest.mark.usefixtures("operator", "told")
def test_the_lists_begin_with_whom_most_is_expected_of(client: Client) -> None:
    url = reverse("segmentation:value_people")
    listing = client.get(url).context["listing"]
    assert listing.rows[0].customer.name == "Mei Lin"
    assert len(listing) == 50
    amounts = [one.expected_net for one in [*listing, *client.get(url + listing.next_url).context["listing"]]]
    assert len(amounts) == 65
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.usefixtures("operator")
def test_who_bought_once_is_in_no_band_of_chances(client: Client, told: ValueModel) -> None:
    url = reverse("segmentation:value_people")
    assert client.get(url, {"sort": "-p_alive"}).context["listing"].rows[0].customer.name == "Ann Once"
    for row in told.counts["bands"][1:]:
        page = client.get(url, {"band": row["code"]})
        assert page.context["listing"].total == row["n"]
        assert "Ann Once" not in page.content.decode()
    assert client.get(url, {"band": "1-1000"}).context["listing"].total == 65


@pytest.mark.usefixtures("operator")
def test_about_to_leave_is_who_is_rather_gone_than_not(client: Client, told: ValueModel) -> None:
    rows = client.get(reverse("segmentation:value_people"), {"list": "leaving"}).context["listing"].rows
    assert len(rows) == told.counts["leaving"]["n"] > 0
    assert all(0.2 <= one.p_alive <= 0.5 for one in rows)
    names = {one.customer.name for one in rows}
    assert {"Kai Wei", "Lou Small"} <= names
    assert not names & {"Mei Lin", "Ann Once", "Old Friend"}  # near, unknown, and long gone
    assert CustomerValue.objects.get(customer__name="Old Friend").p_alive < 0.2


@pytest.mark.usefixtures("operator")
def test_who_is_about_to_leave_but_valuable_becomes_a_segment(client: Client, told: ValueModel) -> None:
    url = client.get(reverse(PAGE)).context["segment_url"]
    rule = json.loads(client.get(url).context["form"]["rule"].value())
    people = {facts.customer.name: facts.pk for facts in selectors.members(rule=rule, book="CNY")}
    leaving = CustomerValue.objects.filter(p_alive__range=(0.2, 0.5))
    mean = round(float(told.counts["leaving"]["net"]) / told.counts["leaving"]["n"])
    assert "Kai Wei" in people
    assert "Lou Small" not in people
    assert set(people.values()) == set(leaving.filter(expected_net__gte=mean).values_list("pk", flat=True))


@pytest.mark.usefixtures("operator", "told")
def test_the_export_masks_names_and_is_recorded(client: Client) -> None:
    text = b"".join(client.get(reverse("segmentation:value_export"), {"list": "valuable"})).decode()
    first = text.splitlines()[1].split(",")
    assert (first[1], first[5]) == ("M***", "CNY")
    assert len(text.splitlines()) == 1 + 65
    assert "Mei Lin" not in text
    event = AuditEvent.objects.get(action="customer.export")
    assert event.changes == {"list": "valuable", "band": "", "book": "CNY"}
    bands = b"".join(client.get(reverse("segmentation:value_bands_export"))).decode().splitlines()
    assert len(bands) == 1 + 6


@pytest.mark.usefixtures("told")
def test_recalculating_is_a_job(client: Client, operator: User) -> None:
    for _click in range(2):
        assert client.post(reverse("segmentation:value_refresh"))["Location"] == reverse(PAGE)
    job = Job.objects.get(kind=KIND)
    assert (job.params, job.created_by) == ({"book": "CNY"}, operator)
    page = text_of(client, reverse(PAGE))
    assert reverse("jobs:panel", args=[job.pk]) in page
    assert reverse("segmentation:value_refresh") not in page


@pytest.mark.usefixtures("told")
def test_who_may_do_what(client: Client) -> None:
    gets = [reverse(f"segmentation:{name}") for name in ("value", "value_people", "value_export")]
    found = {}
    for role in ("analyst", "agent"):
        client.force_login(make_user(role))
        found[role] = [client.get(url).status_code for url in gets]
        found[role].append(client.post(reverse("segmentation:value_refresh")).status_code)
    assert found == {"analyst": [200, 200, 200, 403], "agent": [403] * 4}
    assert not Job.objects.filter(kind=KIND).exists()


@pytest.mark.usefixtures("operator", "told")
def test_a_customers_page_tells_what_is_expected_of_them(client: Client) -> None:
    panels = {
        name: text_of(client, reverse("segmentation:customer_panel", args=[pk]))
        for name, pk in CustomerFacts.objects.filter(orders__in=(1, 15)).values_list("customer__name", "pk")
    }
    mei = CustomerValue.objects.get(customer__name="Mei Lin")
    assert f"{mei.p_alive:.0%}" in panels["Mei Lin"]
    assert f"{mei.expected_net:,.2f} on {mei.expected_orders:.1f} purchase days" in panels["Mei Lin"]
    assert f"buy again by {mei.next_purchase_on}" in panels["Mei Lin"]
    assert "Still a customer" not in panels["Ann Once"]
    assert "Expected in 365 days" in panels["Ann Once"]
    nobody = make_customer("New")
    assert "Expected in 365 days" not in text_of(client, reverse("segmentation:customer_panel", args=[nobody.pk]))


# --- machines ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def api() -> Client:
    return Client(headers={"authorization": f"Bearer {make_token('analytics:read')}"})


def test_the_model_over_rest(api: Client, told: ValueModel) -> None:
    found = api.get("/api/v1/clv", {"book": "CNY"}).json()
    assert found["parameters"] == pytest.approx(told.parameters)
    assert (found["book"], found["currency"], found["as_of"], found["why"]) == ("CNY", "CNY", "2026-03-31", "")
    assert sum(band["customers"] for band in found["bands"]) == found["customers"] == 65
    assert found["validation"]["cut"] == told.validation["cut"]
    assert api.get("/api/v1/clv", {"book": "EUR"}).status_code == 404
    assert api.get("/api/v1/clv").json() == found


def test_a_model_that_cannot_tell_says_why_over_rest(api: Client, shop: Shop) -> None:
    assert api.get("/api/v1/clv").status_code == 404
    make_purchase(make_customer("Ann"), shop, "2026-02-01")
    refresh(as_of=DAY)
    refresh_value(book="CNY")
    found = api.get("/api/v1/clv").json()
    assert (found["why"], found["customers"], found["bands"], found["log_likelihood"]) == ("too_few", 1, [], None)


@pytest.mark.usefixtures("told")
def test_everybody_over_rest_page_by_page(api: Client) -> None:
    url, found = "/api/v1/clv/customers?limit=25", []
    while url:
        page = api.get(url).json()
        found += page["results"]
        url = page["next"]
    assert [row["customer"] for row in found] == sorted(CustomerValue.objects.values_list("pk", flat=True))
    assert found[0].keys() == {
        "customer", "book", "currency", "p_alive", "expected_orders", "expected_net", "next_purchase_on",
    }  # fmt: skip
    without = Client(headers={"authorization": f"Bearer {make_token('orders:read')}"})
    assert without.get("/api/v1/clv/customers").status_code == 403
