"""Cohorts, growth and moves as people and programs see them."""

import re
from datetime import date
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm_suite.access.models import AuditEvent, User
from crm_suite.jobs.models import Job
from customers.models import Customer, CustomerFacts, Shop, Stage
from segmentation import moves
from segmentation.growth_store import refresh_growth
from segmentation.models import LabelChange
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop, make_token, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall", platform="tmall")


@pytest.fixture
def operator(client: Client) -> User:
    user = make_user("operator")
    client.force_login(user)
    return user


@pytest.fixture
def told(shop: Shop) -> dict[str, Customer]:
    """Bounds 30, 90, 180 (too few spells). Ann buys each month, Bob once; Cid and Dot come later; Eve never buys."""
    cast = {name: make_customer(name) for name in ("Ann", "Bob", "Eve")}
    for day in ("2025-10-05", "2025-11-05", "2025-12-05"):
        make_purchase(cast["Ann"], shop, day, "100")
    make_purchase(cast["Bob"], shop, "2025-11-20", "10")
    refresh(as_of=date(2025, 12, 10))
    cast["Cid"] = make_customer("Cid")
    make_purchase(cast["Cid"], shop, "2026-01-02", "500")
    refresh(as_of=date(2026, 1, 10))
    refresh(as_of=date(2026, 3, 15))
    refresh_growth(book="CNY")
    return cast


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def csv_of(client: Client, url: str) -> list[str]:
    response = client.get(url)
    assert response.status_code == 200
    return b"".join(response).decode("utf-8-sig").splitlines()


# --- history ----------------------------------------------------------------------------------------------------------


def cells(found: moves.Moves | None) -> dict[tuple[str, str], int]:
    assert found is not None
    return {(cell.was, cell.now): cell.n for row in found.rows for cell in row.cells if cell.n}


@pytest.mark.usefixtures("told")
def test_from_which_stage_into_which() -> None:
    between = {"book": "CNY", "kind": "stage"}
    december, january, march = date(2025, 12, 10), date(2026, 1, 20), date(2026, 3, 15)
    assert cells(moves.moves(**between, first=december, last=january)) == {
        ("active", "silent"): 1, ("new", "silent"): 1, ("prospect", "prospect"): 1, ("", "new"): 1,
    }  # fmt: skip
    assert cells(moves.moves(**between, first=january, last=march)) == {
        ("silent", "dormant"): 2, ("prospect", "prospect"): 1, ("new", "silent"): 1,
    }  # fmt: skip
    found = moves.moves(**between, first=date(2025, 1, 1), last=march)
    assert found is not None
    assert (found.first, found.known, found.moved) == (None, 0, 0)  # nothing was known then
    assert cells(found) == {("", "dormant"): 2, ("", "prospect"): 1, ("", "silent"): 1}
    assert moves.moves(**between, first=december, last=date(2025, 12, 1)) is None


@pytest.mark.usefixtures("told")
def test_prospects_have_no_value_group_and_no_place_among_groups() -> None:
    found = moves.moves(book="CNY", kind="group", first=date(2025, 12, 10), last=date(2026, 3, 15))
    assert found is not None
    assert found.n == 3
    assert sum(cell.share for row in found.rows for cell in row.cells) == pytest.approx(len(found.rows))


def test_the_people_of_a_cell(told: dict[str, Customer]) -> None:
    between: dict[str, Any] = {
        "book": "CNY", "kind": "stage", "first": date(2025, 12, 10), "last": date(2026, 1, 10),
    }  # fmt: skip
    assert {facts.customer for facts in moves.people(**between, was="active", now="silent")} == {told["Ann"]}
    assert {facts.customer for facts in moves.people(**between, was="prospect", now="prospect")} == {told["Eve"]}
    assert {facts.customer for facts in moves.people(**between, was="", now="new")} == {told["Cid"]}
    assert not moves.people(**between, was="new", now="lost")


def test_every_cell_holds_as_many_people_as_it_says(told: dict[str, Customer]) -> None:
    for kind in moves.LABELS:
        between: dict[str, Any] = {"book": "CNY", "kind": kind, "first": date(2025, 12, 10), "last": date(2026, 1, 31)}
        for (was, now), n in cells(moves.moves(**between)).items():
            assert moves.people(**between, was=was, now=now).count() == n


def test_an_analysis_of_an_earlier_day_is_asked_about_that_day(told: dict[str, Customer]) -> None:
    refresh(as_of=date(2025, 12, 20))  # measured again, of the past
    bob = told["Bob"].pk
    assert [moves.label_on(bob, day).stage for day in (date(2025, 12, 20), date(2026, 3, 15))] == [  # type: ignore[union-attr]
        Stage.NEW, Stage.DORMANT,
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_history_of_stages_replays_to_those_in_force(shop: Shop, seed: int) -> None:
    """Any sequence of orders and analyses, of later and of earlier days."""
    random = Random(seed)
    cast = [make_customer(f"C{number}") for number in range(12)]
    days = [date(2025, month, random.randint(1, 28)) for month in random.sample(range(1, 13), 5)]
    seen: dict[int, dict[int, str]] = {}
    for day in days:
        for who in random.sample(cast, 5):
            make_purchase(who, shop, f"2025-{random.randint(1, 12):02}-{random.randint(1, 28):02}")
        (run,) = refresh(as_of=day)
        seen[run.pk] = dict(CustomerFacts.objects.values_list("pk", "stage"))
    for who in cast:
        replayed = ""
        for change in LabelChange.objects.filter(customer=who, kind="stage").order_by("id"):
            assert change.old == replayed
            replayed = change.new
        assert replayed == CustomerFacts.objects.get(pk=who.pk).stage
    for day in days:
        run_then = moves.run_on("CNY", day)
        assert run_then is not None
        found = {who.pk: label.stage for who in cast if (label := moves.label_on(who.pk, day))}
        assert found == seen[run_then.pk]


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("operator")
def test_pages_say_what_is_missing(client: Client) -> None:
    pages = [reverse(f"segmentation:{name}") for name in ("cohorts", "growth", "moves")]
    assert all("No shop yet" in text_of(client, page) for page in pages)
    shop = make_shop()
    cohorts, growth, moved = (text_of(client, page) for page in pages)
    assert "No paid orders yet" in cohorts
    assert "Nothing calculated yet" in growth
    assert "Nothing calculated yet" in moved
    make_purchase(make_customer("Ann"), shop, "2026-03-01")
    refresh(as_of=date(2026, 3, 15))
    assert "Not counted yet" in text_of(client, pages[1])
    assert "Lifecycle stages" in text_of(client, pages[2])
    for name in ("cohorts_figures", "moves_figures"):
        assert client.get(reverse(f"segmentation:{name}")).status_code == 200


@pytest.mark.usefixtures("operator", "told")
def test_the_cohort_table(client: Client) -> None:
    url = reverse("segmentation:cohorts_figures")
    panel = text_of(client, url)
    assert "1 of 1 bought (95 % interval 20.7% to 100.0%); CN¥100.00 so far" in panel
    assert "3 customers, orders up to" in panel
    assert "Slanted rows have fewer than 30 customers" in panel
    assert "CN¥300" in text_of(client, url + "?measure=net")
    assert "Nobody in these cohorts" not in panel
    head, first, *_rest = csv_of(client, reverse("segmentation:cohorts_export") + "?months=36")
    assert head.startswith("Month of the first order,Customers,Months since,Bought,Share")
    assert first.startswith("2025-10,1,0,1,1.0,0.2065,1.0,100,100.00,CNY,")
    assert AuditEvent.objects.filter(action="insights.export_cohorts").count() == 1


@pytest.mark.usefixtures("operator", "told")
def test_the_growth_page(client: Client) -> None:
    page = text_of(client, reverse("segmentation:growth"))
    assert "Counted to 2026-03-15" in page
    assert "New rate − churn rate, 2026-02" in page
    assert "Too few to tell: 3 customers" in page
    assert "No finished month is known otherwise" in page
    head, *rows = csv_of(client, reverse("segmentation:growth_export"))
    assert head.startswith("Month,Month has ended,New customers,Retained,Back from dormant,Back from lost")
    assert [row[:7] for row in rows] == ["2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]
    assert rows[-1].split(",")[1] == "0"
    client.post(reverse("segmentation:growth_refresh"))
    assert Job.objects.get().kind == "growth"


@pytest.mark.usefixtures("told")
def test_a_restatement_is_shown(client: Client, operator: User, shop: Shop) -> None:
    make_purchase(make_customer("Late"), shop, "2025-12-01")
    refresh(as_of=date(2026, 3, 15))
    refresh_growth(book="CNY")
    page = text_of(client, reverse("segmentation:growth"))
    assert "No finished month is known otherwise" not in page
    assert re.search(r"2025-12</th> <td>New customers</td> <td class=\"num\">0</td> <td class=\"num\">1</td>", page)


def test_moves_lead_to_their_people(client: Client, operator: User, told: dict[str, Customer]) -> None:
    days = "kind=stage&from=2025-12-10&to=2026-01-10"
    panel = text_of(client, reverse("segmentation:moves_figures") + f"?{days}")
    assert "2 of 3 customers moved" in panel
    assert "bounds 30, 90 and 180 days" in panel
    link = re.search(r'href="([^"]*moves/people/[^"]*was=active&amp;now=silent)"', panel)
    assert link is not None
    page = text_of(client, link[1].replace("&amp;", "&"))
    assert "Ann" in page
    assert "Bob" not in page
    assert "Nobody" in text_of(client, reverse("segmentation:moves_people") + f"?{days}&was=lost&now=new")
    assert client.get(reverse("segmentation:moves_people") + f"?{days}&was=best&now=new").status_code == 404
    rows = csv_of(client, reverse("segmentation:moves_export") + f"?{days}")
    assert "Active,Silent,1,1.0,300.00,CNY" in rows
    assert "Not yet,New,1,1.0,500.00,CNY" in rows


@pytest.mark.usefixtures("told")
def test_who_may_do_what(client: Client) -> None:
    names = ["cohorts", "growth", "moves", "moves_people"]
    found = {}
    for role in ("analyst", "agent"):
        client.force_login(make_user(role))
        found[role] = [client.get(reverse(f"segmentation:{name}")).status_code for name in names]
        found[role].append(client.post(reverse("segmentation:growth_refresh")).status_code)
    assert found["analyst"][:3] == [200, 200, 200]
    assert found["agent"][:3] == [403, 403, 403]
    assert found["analyst"][-1] == found["agent"][-1] == 403


# --- programs ---------------------------------------------------------------------------------------------------------


def api(client: Client, path: str, *scopes: str) -> Any:
    return client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {make_token(*scopes)}"})


@pytest.mark.usefixtures("told")
def test_cohorts_growth_and_moves_over_the_api(client: Client) -> None:
    cohorts = api(client, "cohorts?months=36", "analytics:read").json()
    assert (cohorts["currency"], cohorts["customers"], cohorts["before"]) == ("CNY", 3, 0)
    assert cohorts["cohorts"][0]["cells"][1]["buyers"] == 1
    assert cohorts["all_cohorts"][0] == {"months_since": 0, "customers": 2, "share": 1.0, "net_per_customer": "55.00"}
    growth = api(client, "growth", "analytics:read").json()
    assert [month["figures"]["new"] for month in growth["months"]] == [1, 1, 0, 1, 0, 0]
    assert growth["months"][0]["difference"]["new"] == 0
    assert growth["months"][-1]["first_told"] is None
    moved = api(client, "moves?kind=stage&from=2025-12-10&to=2026-01-10", "analytics:read").json()
    assert (moved["first"]["as_of"], moved["moved"], moved["customers"]) == ("2025-12-10", 2, 4)
    assert {"was": "active", "now": "silent", "customers": 1, "share": 1.0, "net_amount": "300.00"} in moved["cells"]


def test_the_stage_of_a_customer_on_a_day(client: Client, told: dict[str, Customer]) -> None:
    path = f"customers/{told['Ann'].pk}/stage"
    found = api(client, f"{path}?on=2025-12-31", "customers:read").json()
    assert (found["stage"], found["as_of"], found["on"]) == ("active", "2025-12-10", "2025-12-31")
    assert found["bounds"]["p90"] == 180
    assert api(client, path, "customers:read").json()["stage"] == "dormant"
    unknown = api(client, f"{path}?on=2024-05-01", "customers:read")
    assert (unknown.status_code, unknown.json()["detail"]) == (
        404, "Nothing was known of this customer's stage on that day.",
    )  # fmt: skip
    assert api(client, f"customers/{told['Cid'].pk}/stage?on=2025-12-31", "customers:read").status_code == 404
    assert api(client, f"{path}?on=yesterday", "customers:read").status_code == 422


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("cohorts?months=99", 422), ("cohorts?began=mars", 422), ("cohorts?book=EUR", 404), ("growth?platform=jd", 404),
        ("moves?kind=mood", 422), ("moves?from=never", 422), ("moves?to=2020-01-01&from=2019-01-01", 404),
    ],
)  # fmt: skip
def test_questions_that_cannot_be_answered(client: Client, path: str, status: int) -> None:
    assert api(client, path, "analytics:read").status_code == status
    assert api(client, path, "orders:read").status_code == 403
