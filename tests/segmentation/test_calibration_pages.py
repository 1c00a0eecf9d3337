"""The calibration page, the RFM page with its options and policies, and who may change what."""

import json
import re
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from crm_suite.access.models import AuditEvent, User
from crm_suite.jobs.models import Job
from customers.models import Shop
from segmentation import options, tuning
from segmentation.models import Segment
from segmentation.services import refresh
from tests.builders import make_customer, make_product, make_purchase, make_shop, make_user

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)


@pytest.fixture
def operator(client: Client) -> User:
    user = make_user("operator")
    client.force_login(user)
    return user


@pytest.fixture
def store() -> Shop:
    """Thirty regulars with spells of 10 and 21 to 50 days, the last of whom bought on JD too; Bob bought once."""
    tmall, jd = make_shop("tmall", platform="tmall"), make_shop("jd", platform="jd")
    make_product(tmall, category="Tea")
    for number in range(30):
        who = make_customer(f"C{number}")
        for day in ("2026-01-01", "2026-01-11", f"2026-02-{1 + number % 20:02}"):
            make_purchase(who, tmall, day)
    make_purchase(who, jd, "2026-03-20", "500")
    make_purchase(make_customer("Bob"), tmall, "2026-03-04", "10")
    refresh(as_of=DAY)
    return tmall


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


PANEL = "segmentation:calibration_panel"


@pytest.mark.usefixtures("operator")
def test_the_page_says_what_is_missing(client: Client) -> None:
    url = reverse("segmentation:calibrate")
    assert "No shop yet" in text_of(client, url)
    make_shop()
    assert "Nothing calculated yet" in text_of(client, url)
    assert text_of(client, reverse(PANEL)) == " "


@pytest.mark.usefixtures("operator", "store")
def test_the_figures_come_as_a_panel_or_at_once_without_a_script(client: Client) -> None:
    url = reverse("segmentation:calibrate")
    page = text_of(client, url)
    assert reverse(PANEL) in page
    assert "Try other bounds" not in page
    assert "Try other bounds" in text_of(client, url + "?at_once=1")
    assert "n = 61 spells, 31 customers waiting." in text_of(client, reverse(PANEL))


@pytest.mark.usefixtures("operator", "store")
def test_a_draft_shows_what_each_stage_would_hold(client: Client) -> None:
    response = client.get(reverse(PANEL), {"p30": "20", "p60": "40", "p90": "50", "day": "10"})
    made = response.context["draft"]
    assert made.bounds == (20, 40, 50)
    assert sum(line.then for line in made.stages) == sum(line.now for line in made.stages) == 31
    assert {line.code: line.then for line in made.stages}["silent"] == 3  # Bob 27, two more 39 and 40 days ago
    assert response.context["shares"][0] == pytest.approx(30 / 61)
    live = response.context["live"]
    assert live["once"][26:28] == [0, 1]
    # Spells are at most 50 days here.
    assert response.context["curves_chart"]["marks"][2] == {"x": 50, "label": "P90"}


@pytest.mark.usefixtures("operator", "store")
def test_a_part_of_the_store_is_for_looking_only(client: Client) -> None:
    page = text_of(client, reverse(PANEL) + "?platform=jd")
    assert "for looking only" in page
    assert "Too few: 0 repeat purchases here, and 50 are needed" in page
    assert "cannot tell" in page
    assert "for looking only" not in text_of(client, reverse(PANEL) + "?platform=unheard-of&shop=x&category=y")
    assert client.get(reverse(PANEL), {"category": "Tea"}).context["found"].spells == 0


@pytest.mark.usefixtures("store")
def test_bounds_are_put_in_force_and_taken_back(client: Client, operator: User) -> None:
    url = reverse("segmentation:put_in_force")
    client.post(url, {"p30": "20", "p60": "40", "p90": "50"})
    assert options.measuring("CNY").bounds == (20, 40, 50)
    assert Job.objects.get().created_by == operator
    refresh(book="CNY", as_of=DAY)
    assert "The bounds 20, 40 and 50 days were set by hand." in text_of(client, reverse("segmentation:lifecycle"))
    assert "Back to bounds from my own repurchases" in text_of(client, reverse(PANEL))
    client.post(url, {"source": "own"})
    assert options.measuring("CNY").bounds is None
    assert "Back to bounds" not in text_of(client, reverse(PANEL))


@pytest.mark.usefixtures("operator", "store")
@pytest.mark.parametrize("told", [{}, {"p30": "20"}, {"p30": "9", "p60": "5", "p90": "50"}, {"p30": "x"}])
def test_bounds_that_make_no_sense_come_back_with_a_reason(client: Client, told: dict[str, str]) -> None:
    tuning.save_options(book="CNY", by=None, p30=5, p60=6, p90=7)
    response = client.post(reverse("segmentation:put_in_force"), told, follow=True)
    assert options.measuring("CNY").bounds == (5, 6, 7)
    assert "alert-danger" in response.content.decode()


@pytest.mark.usefixtures("operator", "store")
def test_a_range_of_days_opens_the_segment_editor(client: Client) -> None:
    url = client.get(reverse("segmentation:from_days"), {"first": "20", "last": "30"})["Location"]
    form = client.get(url).context["form"]
    assert json.loads(form["rule"].value()) == {
        "all": [{"field": "days_since", "op": "between", "value": [20, 30]}]
    }  # fmt: skip
    assert form["name"].value() == "Last bought 20 to 30 days ago"
    assert client.post(reverse("segmentation:from_days"), {"first": "20", "last": "30", "open": "1"})["Location"] == url
    assert not Segment.objects.exists()
    for wrong in ({"first": "30", "last": "20"}, {"first": "x"}, {"first": "1", "last": "9" * 30}):
        assert client.get(reverse("segmentation:from_days"), wrong)["Location"] == reverse("segmentation:calibrate")


@pytest.mark.usefixtures("operator", "store")
def test_who_crosses_a_bound_is_listed_and_exported(client: Client) -> None:
    tuning.save_options(book="CNY", by=None, p30=30, p60=90, p90=180)
    refresh(book="CNY", as_of=DAY)
    page = text_of(client, reverse("segmentation:crossing_list", args=["p30"]))
    assert "Soon Silent, unless they buy" in page
    assert "B*" in page or "Bob" in page
    assert "C29" not in page  # bought 11 days ago
    assert reverse("segmentation:crossing_list", args=["p30"]) in text_of(client, reverse("segmentation:lifecycle"))
    response = client.get(reverse("segmentation:crossing_export", args=["p30"]))
    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert AuditEvent.objects.filter(action="customer.export", changes__crossing="p30").count() == 1
    assert "Nobody" in text_of(client, reverse("segmentation:crossing_list", args=["p90"]))
    assert client.get(reverse("segmentation:crossing_list", args=["p99"])).status_code == 404


@pytest.mark.usefixtures("operator", "store")
@pytest.mark.parametrize("name", ["rfm_export", "lifecycle_export", "calibration_export"])
def test_every_table_is_exported(client: Client, name: str) -> None:
    response = client.get(reverse(f"segmentation:{name}"))
    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert len(lines) == {"rfm_export": 1 + 8 + 25, "lifecycle_export": 1 + 6 + 3, "calibration_export": 1 + 59}[name]


# --- RFM page ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("operator", "store")
def test_the_rfm_page_says_what_to_do_and_how_it_was_measured(client: Client) -> None:
    page = text_of(client, reverse("segmentation:rfm"))
    assert "What to do next" in page
    assert "Lead them to the second purchase" in page or "Give them a reason to come again soon" in page
    assert "F: paid orders" in page
    assert "from the next calculation on" not in page
    tuning.save_options(book="CNY", by=None, window_days=60, frequency="days")
    page = text_of(client, reverse("segmentation:rfm"))
    assert "from the next calculation on" in page
    refresh(book="CNY", as_of=DAY)
    page = text_of(client, reverse("segmentation:rfm"))
    assert "Orders of the last 60 days" in page
    assert "F, purchase days" in page
    assert "from the next calculation on" not in page


@pytest.mark.usefixtures("operator", "store")
def test_a_range_of_days_is_a_segment_in_one_click_and_the_same_one_twice(client: Client) -> None:
    wish = {"first": "20", "last": "30"}
    pages = [client.post(reverse("segmentation:from_days"), wish)["Location"] for _click in range(2)]
    segment = Segment.objects.get()
    assert pages == [reverse("segments:detail", args=[segment.pk])] * 2
    assert (segment.name, segment.book, segment.size) == ("Last bought 20 to 30 days ago", "CNY", 1)  # Bob
    Segment.objects.update(rule={})  # somebody made another of it
    client.post(reverse("segmentation:from_days"), wish)
    assert Segment.objects.filter(name="Last bought 20 to 30 days ago (2)").count() == 1


@pytest.mark.usefixtures("operator", "store")
def test_the_grid_counts_one_platform(client: Client) -> None:
    response = client.get(reverse("segmentation:rfm"), {"platform": "jd"})
    assert response.context["figures"].customers == 1
    assert sum(cell.n for row in response.context["rows"] for cell in row) == 1
    assert sum(row.share.n for row in response.context["groups"]) == 1
    assert client.get(reverse("segmentation:rfm"), {"platform": "x"}).context["figures"].customers == 31
    url = client.get(reverse("segments:from_cells"), {"cell": "5-5", "platform": "jd"})["Location"]
    form = client.get(url).context["form"]
    assert json.loads(form["rule"].value())["all"][1] == {"field": "platform", "op": "in", "value": ["jd"]}
    assert form["name"].value() == "R5 F5 · JD"


@pytest.mark.usefixtures("store")
def test_a_policy_is_written_in_place_and_care_comes_first(client: Client, operator: User) -> None:
    group = client.get(reverse("segmentation:rfm")).context["steps"][-1].share.code
    url = reverse("segmentation:policy", args=[group])
    response = client.post(url, {"in_care": "on", "policy": "<b>A card</b>"})
    assert response["Location"].endswith(f"#group-{group}")
    page = client.get(reverse("segmentation:rfm"))
    assert [step.share.code for step in page.context["steps"]] == [group]
    assert "&lt;b&gt;A card&lt;/b&gt;" in page.content.decode()
    assert client.post(reverse("segmentation:policy", args=["nobody"]), {}).status_code == 404
    client.post(url, {"policy": "x" * 2001})
    assert options.policies("CNY")[group].policy == "<b>A card</b>"


@pytest.mark.usefixtures("operator", "store")
def test_the_options_form_keeps_what_makes_sense(client: Client) -> None:
    url = reverse("segmentation:options")
    usual = {"frequency": "orders", "monetary": "net", "compare": "values", "threshold": "mean", "min_spells": "50"}
    assert client.get(url).context["form"].initial["min_spells"] == 50
    response = client.post(url, {**usual, "threshold": "fixed", "r_threshold": "30"})
    assert response.status_code == 422
    assert "need all three values" in response.content.decode()
    assert client.post(url, {**usual, "window_days": "-1"}).status_code == 422
    assert client.post(url, {**usual, "monetary": "average", "window_days": "365"}).status_code == 302
    found = options.measuring("CNY")
    assert (found.window_days, found.monetary) == (365, "average")


@pytest.mark.usefixtures("store")
def test_who_may_change_how_customers_are_measured(client: Client) -> None:
    wishes = [
        ("get", reverse("segmentation:calibrate")), ("get", reverse("segmentation:options")),
        ("post", reverse("segmentation:put_in_force")), ("post", reverse("segmentation:policy", args=["champions"])),
        ("get", reverse("segmentation:crossing_export", args=["p30"])),
    ]  # fmt: skip
    found = {}
    for role in ("analyst", "specialist", "agent"):
        client.force_login(make_user(role))
        found[role] = [getattr(client, verb)(url).status_code for verb, url in wishes]
    assert found == {
        "analyst": [200, 403, 403, 403, 200], "specialist": [200, 403, 403, 302, 200], "agent": [403] * 5,
    }  # fmt: skip
    client.force_login(make_user("analyst"))
    assert "Put these bounds in force" not in text_of(client, reverse(PANEL))
