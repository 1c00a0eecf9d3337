"""The insight pages and the segment editor, as people with different roles see them."""

import json
import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm_suite.access.models import AuditEvent, User
from crm_suite.jobs.models import Job
from customers.models import CustomerFacts, Shop
from segmentation.models import AnalysisRun, LabelChange, Segment
from segmentation.services import copy_as_snapshot, refresh, save_segment
from tests.builders import make_customer, make_facts, make_purchase, make_shop, make_user

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)
LOST = {"field": "stage", "op": "in", "value": ["lost"]}


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall")


@pytest.fixture
def operator(client: Client) -> User:
    user = make_user("operator")
    client.force_login(user)
    return user


@pytest.fixture
def measured(shop: Shop) -> AnalysisRun:
    """Ann buys a lot and lately, Bob bought once a year ago, Cid is a prospect."""
    ann = make_customer("Ann")
    for day in ("2026-03-01", "2026-03-15", "2026-03-28"):
        make_purchase(ann, shop, day, "900")
    make_purchase(make_customer("Bob"), shop, "2025-03-28", "10")
    make_customer("Cid")
    (run,) = refresh(as_of=DAY)
    return run


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("page", ["segmentation:rfm", "segmentation:lifecycle"])
def test_insights_say_what_is_missing(client: Client, page: str) -> None:
    assert "No shop yet" in text_of(client, reverse(page))
    make_shop()
    assert "Nothing calculated yet" in text_of(client, reverse(page))
    refresh()
    assert "No paid orders yet" in text_of(client, reverse(page))


@pytest.mark.usefixtures("operator", "measured")
def test_the_rfm_page_shows_cells_groups_and_cuts(client: Client) -> None:
    page = text_of(client, reverse("segmentation:rfm"))
    assert "As of 2026-03-31" in page
    assert "Champions: 50 % of the customers, 100 % of the net amount" in page
    assert 'name="cell" value="5-5"' in page
    assert "bounds of" in page  # of two customers cuts coincide
    assert page.count("Recalculate") >= 1


@pytest.mark.usefixtures("operator", "measured")
def test_the_lifecycle_page_says_that_spells_are_too_few(client: Client) -> None:
    page = text_of(client, reverse("segmentation:lifecycle"))
    assert "only 2 repeat purchases so far, and 50 are needed" in page
    assert "cannot tell" in page
    assert "50 % of the buyers are new or active" in page


@pytest.mark.usefixtures("operator")
def test_the_lifecycle_page_draws_the_curve_of_a_store_with_enough_spells(client: Client, shop: Shop) -> None:
    for number in range(30):
        who = make_customer(f"C{number}")
        for day in ("2026-01-01", "2026-01-11", f"2026-02-{1 + number % 20:02}"):
            make_purchase(who, shop, day)
    refresh(as_of=DAY)
    response = client.get(reverse("segmentation:lifecycle"))
    chart = response.context["chart"]
    assert chart["title"] == "Half of those who come back do so within 10 days"
    assert chart["marks"][0] == {"x": 10, "label": "P30"}
    assert [len(series["data"]) for series in chart["series"]] == [len(chart["x"])] * 2
    assert "Too few" not in response.content.decode()


@pytest.mark.usefixtures("operator", "measured")
def test_old_data_are_offered_to_be_measured_as_of_their_last_day(client: Client, shop: Shop) -> None:
    url = reverse("segmentation:lifecycle")
    assert "Recalculate as of" not in text_of(client, url)
    refresh(as_of=date(2026, 6, 30))
    assert "Recalculate as of 2026-03-28" in text_of(client, url)
    client.post(reverse("segmentation:refresh"), {"last": "1", "next": url})
    assert Job.objects.get().params == {"book": "CNY", "as_of": "2026-03-28"}


@pytest.mark.usefixtures("measured")
def test_recalculating_is_a_job_that_is_not_queued_twice(client: Client, operator: User) -> None:
    url = reverse("segmentation:rfm")
    for _click in range(2):
        response = client.post(reverse("segmentation:refresh"), {"next": url})
        assert (response.status_code, response["Location"]) == (302, url)
    job = Job.objects.get()
    assert (job.kind, job.params, job.created_by) == ("analysis", {"book": "CNY", "as_of": None}, operator)
    page = text_of(client, url)
    assert reverse("jobs:panel", args=[job.pk]) in page


@pytest.mark.usefixtures("operator", "measured")
def test_nobody_is_sent_to_another_site(client: Client) -> None:
    response = client.post(reverse("segmentation:refresh"), {"next": "https://example.com/"})
    assert response["Location"] == reverse("segmentation:lifecycle")


@pytest.mark.usefixtures("measured")
def test_who_may_do_what(client: Client) -> None:
    segment = save_segment(name="Lost", rule=LOST)
    wishes = {
        "get": [reverse("segmentation:rfm"), reverse("segments:list"), reverse("segments:new"),
                reverse("segments:export", args=[segment.pk])],
        "post": [reverse("segmentation:refresh"), reverse("segments:archive", args=[segment.pk])],
    }  # fmt: skip
    found = {}
    for role in ("analyst", "agent"):
        client.force_login(make_user(role))
        found[role] = [getattr(client, verb)(url).status_code for verb, urls in wishes.items() for url in urls]
    assert found == {"analyst": [200, 200, 403, 403, 403, 403], "agent": [403] * 6}


@pytest.mark.usefixtures("operator", "measured")
def test_panels(client: Client) -> None:
    ann = CustomerFacts.objects.get(customer__name="Ann")
    panel = text_of(client, reverse("segmentation:customer_panel", args=[ann.pk]))
    assert "R5 · F3 · M3" in panel  # of two customers the better half begins at score 3
    assert "Silent on 2026-04-28, unless they buy" in panel  # last bought 03-28, active until day 30
    stages = text_of(client, reverse("segmentation:stage_panel"))
    assert "50 % of the buyers are new or active" in stages
    assert "Counted from 2026-03-31" in text_of(client, reverse("segmentation:crossing_panel"))


@pytest.mark.usefixtures("operator")
def test_panels_before_the_first_run(client: Client, shop: Shop) -> None:
    someone = make_customer("New")
    assert "Known after the next analysis" in text_of(client, reverse("segmentation:customer_panel", args=[someone.pk]))
    assert "after the first analysis" in text_of(client, reverse("segmentation:stage_panel"))
    assert "after the first analysis" in text_of(client, reverse("segmentation:crossing_panel"))


@pytest.mark.usefixtures("measured")
def test_an_agent_sees_the_panel_of_a_customer(client: Client) -> None:
    client.force_login(make_user("agent"))
    ann = CustomerFacts.objects.get(customer__name="Ann")
    assert LabelChange.objects.filter(customer_id=ann.pk).count() == 2
    assert "How they came here" in text_of(client, reverse("segmentation:customer_panel", args=[ann.pk]))


# --- segments ---------------------------------------------------------------------------------------------------------


def fill(**changes: Any) -> dict[str, str]:
    return {"name": "Lost", "description": "", "book": "CNY", "rule": json.dumps(LOST), **changes}


@pytest.mark.usefixtures("measured")
def test_a_segment_is_made_in_the_editor(client: Client, operator: User) -> None:
    response = client.post(reverse("segments:new"), fill())
    segment = Segment.objects.get()
    assert response["Location"] == reverse("segments:detail", args=[segment.pk])
    assert (segment.rule, segment.size, segment.created_by) == (LOST, 1, operator)
    page = text_of(client, response["Location"])
    assert "Bob" in page
    assert "Ann" not in page
    assert "Lifecycle stage is one of Lost" in page


@pytest.mark.usefixtures("operator", "measured")
@pytest.mark.parametrize(
    "changes",
    [{"name": ""}, {"rule": "{"}, {"rule": '{"_connector": "x"}'}, {"rule": "[" * 100_000}, {"book": "USD"}],
)  # fmt: skip
def test_what_cannot_be_saved_comes_back_with_a_reason(client: Client, changes: dict[str, str]) -> None:
    response = client.post(reverse("segments:new"), fill(**changes))
    assert response.status_code == 422
    assert "alert-danger" in response.content.decode() or "text-danger" in response.content.decode()
    assert not Segment.objects.exists()


@pytest.mark.usefixtures("operator", "measured")
def test_a_segment_is_changed_archived_and_listed(client: Client) -> None:
    segment = save_segment(name="Lost", rule=LOST, book="CNY")
    url = reverse("segments:edit", args=[segment.pk])
    assert json.loads(client.get(url).context["form"]["rule"].value()) == LOST
    client.post(url, fill(name="Gone", rule='{"all": []}'))
    segment.refresh_from_db()
    assert (segment.name, segment.size) == ("Gone", 3)
    assert "Everybody" in text_of(client, reverse("segments:list"))
    client.post(reverse("segments:archive", args=[segment.pk]))
    assert "is archived" in text_of(client, reverse("segments:list"))
    assert "Gone" not in text_of(client, reverse("segments:list"))
    assert "Gone" in text_of(client, reverse("segments:list") + "?archived=true")


@pytest.mark.usefixtures("operator", "measured")
def test_the_preview_follows_the_rule(client: Client) -> None:
    response = client.post(reverse("segments:preview"), {"book": "CNY", "rule": json.dumps({"all": [LOST]})})
    page = response.content.decode()
    assert response.context["preview"].parts == {"": 1, "/all/0": 1}
    assert "of 3" in page
    wish = {"book": "CNY", "rule": json.dumps({"all": [LOST]}), "total": "1", "everybody": "3"}
    members = client.post(reverse("segments:examples"), wish).content.decode()
    assert "Bob" in members and "Ann" not in members
    assert not client.post(reverse("segments:examples"), {**wish, "total": "many"}).content
    refused = client.post(reverse("segments:preview"), {"book": "CNY", "rule": '{"all": [{"field": "x"}]}'})
    assert "At /all/0:" in refused.content.decode()


@pytest.mark.usefixtures("operator", "measured")
def test_cells_of_the_grid_open_the_editor(client: Client) -> None:
    url = client.get(reverse("segments:from_cells"), {"cell": ["5-5", "5-4", "evil", "6-1"]})["Location"]
    page = client.get(url)
    rule = json.loads(page.context["form"]["rule"].value())
    assert rule == {"all": [
        {"field": "r_score", "op": "in", "value": [5]}, {"field": "f_score", "op": "in", "value": [4, 5]},
    ]}  # fmt: skip
    nothing = client.get(reverse("segments:from_cells"))
    assert nothing["Location"] == reverse("segmentation:rfm")


@pytest.mark.usefixtures("operator", "measured")
def test_the_editor_starts_from_a_preset_and_survives_a_broken_address(client: Client) -> None:
    page = client.get(reverse("segments:new"), {"preset": "lost_regulars"})
    assert page.context["form"]["name"].value() == "Lost, at least two orders"
    broken = client.get(reverse("segments:new"), {"rule": '{"field": "password", "op": "in", "value": ["x"]}'})
    assert broken.context["form"]["rule"].value() == "{}"
    assert "there is no field of this name" in broken.content.decode()


@pytest.mark.usefixtures("operator", "measured")
def test_a_snapshot_is_kept_from_the_page(client: Client) -> None:
    segment = save_segment(name="Lost", rule=LOST, book="CNY")
    response = client.post(reverse("segments:snapshot", args=[segment.pk]))
    copy = Segment.objects.get(kind="snapshot")
    assert response["Location"] == reverse("segments:detail", args=[copy.pk])
    assert "members of" in text_of(client, response["Location"])
    again = client.post(reverse("segments:snapshot", args=[copy.pk]), follow=True)
    assert "fixed already" in again.content.decode()
    assert Segment.objects.count() == 2


@pytest.mark.usefixtures("measured")
def test_the_export_is_masked_harmless_and_recorded(client: Client, operator: User) -> None:
    make_facts(
        make_customer("=1+1", phone="+8613800138000", email="zhang@qq.com"), stage="lost", group="lost_small", orders=1
    )  # fmt: skip
    segment = copy_as_snapshot(segment=save_segment(name="Lost", rule=LOST, book="CNY"))
    response = client.get(reverse("segments:export", args=[segment.pk]))
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert "'=***,138****8000,z***@qq.com,,Lost,Lost small,1,0.00,CNY," in text
    assert "1+1" not in text
    assert ",B*," in text and "Bob" not in text and ",A*," not in text
    event = AuditEvent.objects.get(action="segment.exported")
    assert (event.actor, event.target) == (operator, f"segment {segment.pk}")


@pytest.mark.usefixtures("operator")
def test_a_segment_whose_rule_cannot_be_read_says_so(client: Client) -> None:
    segment = Segment.objects.create(name="Old", rule={"field": "gone", "op": "in", "value": ["x"]})
    assert "there is no field of this name" in text_of(client, reverse("segments:detail", args=[segment.pk]))
    assert "there is no field of this name" in text_of(client, reverse("segments:list"))
    assert client.get(reverse("segments:export", args=[segment.pk])).status_code == 409
