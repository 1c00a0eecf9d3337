"""Touchpoints, segments, analysis, campaigns and jobs."""

import pytest

from campaigns.models import Campaign, Template
from crm_suite.jobs.models import Job
from crm_suite.jobs.services import submit
from segmentation.models import Segment
from segmentation.services import refresh
from tests.builders import make_customer, make_facts, make_shop
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db

LOST = {"all": [{"field": "stage", "op": "in", "value": ["lost"]}, {"field": "orders", "op": "gte", "value": 2}]}


@pytest.fixture
def wang(db):
    wang = make_customer("王芳", email="wang@shop.example")
    make_facts(wang, stage="lost", orders=3, net_amount=500, email_ok=True)
    return wang


@pytest.fixture
def li(db):
    li = make_customer("李雷")
    make_facts(li, stage="lost", orders=1)
    return li


# --- touchpoints ------------------------------------------------------------------------------------------------------


def inquiry(wang, **fields):
    return {
        "customer": wang.pk, "stage": "consult", "kind": "inquiry", "direction": "in", "channel": "chat",
        "occurred_at": "2026-03-02T10:00:00+08:00", "dedupe_key": "helpdesk:1", "data": {"reason": "price"}, **fields,
    }  # fmt: skip


def test_an_event_is_known_once(api, wang):
    client = api("touchpoints:write")
    answers = [client.post("/api/v1/touchpoints", inquiry(wang)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[1].json() == {"dedupe_key": "helpdesk:1", "result": "unchanged"}
    assert Touchpoint.objects.get().data == {"reason": "price"}


def test_a_batch_of_events_is_repeatable_and_knows_its_own_repetitions(api, wang):
    client = api("touchpoints:write")
    rows = [inquiry(wang), inquiry(wang, dedupe_key="helpdesk:2"), inquiry(wang)]
    first, second = (client.post("/api/v1/touchpoints/bulk", {"items": rows}).json()["results"] for _ in range(2))
    assert [row["result"] for row in first] == ["created", "created", "unchanged"]
    assert {row["result"] for row in second} == {"unchanged"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "limbo"},
        {"satisfaction": 6},
        {"occurred_at": "2999-01-01T00:00:00Z"},
        {"customer": 999_999},
        {"kind": ""},
    ],
)
def test_an_event_that_cannot_be_is_refused(api, wang, wrong):
    answer = api("touchpoints:write").post("/api/v1/touchpoints", inquiry(wang, **wrong))
    assert answer.status_code == 422
    assert not Touchpoint.objects.exists()


def test_an_outside_key_cannot_stand_in_for_ours(api, wang):
    api("touchpoints:write").post("/api/v1/touchpoints", inquiry(wang, dedupe_key="order:1:paid"))
    assert Touchpoint.objects.get().dedupe_key == "api:order:1:paid"


def test_the_timeline_is_one_customers(api, wang, li):
    client = api("touchpoints:write", "touchpoints:read")
    client.post("/api/v1/touchpoints", inquiry(wang))
    client.post("/api/v1/touchpoints", inquiry(li, dedupe_key="helpdesk:2"))
    (row,) = client.get(f"/api/v1/customers/{wang.pk}/timeline").json()["results"]
    assert row["customer"] == wang.pk
    assert client.get("/api/v1/customers/999999/timeline").status_code == 404
    assert len(client.get("/api/v1/touchpoints?stage=consult").json()["results"]) == 2
    assert client.get("/api/v1/touchpoints?stage=pay").json()["results"] == []


# --- segments and analysis --------------------------------------------------------------------------------------------


def test_a_segment_is_made_previewed_and_read_out(api, wang, li):
    make_shop("corner")
    client = api("segments:read", "segments:write")
    preview = client.post("/api/v1/segments/preview", {"rule": LOST, "book": "CNY"}).json()
    assert (preview["total"], preview["email_ok"], preview["everybody"]) == (1, 1, 2)
    assert [row["name"] for row in preview["sample"]] == ["王*"]
    made = client.post("/api/v1/segments", {"name": "Lost", "rule": LOST, "book": "CNY"})
    assert made.status_code == 201
    members = client.get(f"/api/v1/segments/{made.json()['id']}/members").json()
    assert [row["customer"] for row in members["results"]] == [wang.pk]
    assert Segment.objects.get().created_by is not None


def test_members_are_read_page_by_page(api):
    made = [make_customer(f"C{number}") for number in range(5)]
    for customer in made:
        make_facts(customer, stage="lost", orders=2)
    segment = Segment.objects.create(name="Lost", rule=LOST, book="CNY")
    client, seen, url = api("segments:read", "pii:read"), [], f"/api/v1/segments/{segment.pk}/members?limit=2"
    while url:
        page = client.get(url).json()
        seen += [row["name"] for row in page["results"]]
        url = page["next"]
    assert seen == ["C0", "C1", "C2", "C3", "C4"]


@pytest.mark.parametrize(
    "rule", [{"field": "customer__phone", "op": "eq", "value": 1}, {"_connector": "OR"}, [], "x", 1]
)
def test_a_rule_that_reaches_for_something_else_is_refused(api, wang, rule):
    client = api("segments:read", "segments:write")
    for path, extra in (("segments/preview", {}), ("segments", {"name": "x"})):
        assert client.post(f"/api/v1/{path}", {"rule": rule, **extra}).status_code == 422
    assert not Segment.objects.exists()


def test_a_segment_name_is_given_once(api):
    client = api("segments:write")
    assert client.post("/api/v1/segments", {"name": "Lost", "rule": LOST}).status_code == 201
    again = client.post("/api/v1/segments", {"name": "Lost", "rule": LOST})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "name_taken")


def test_rfm_and_lifecycle_are_those_of_the_run_in_force(api):
    client = api("analytics:read")
    assert client.get("/api/v1/rfm").status_code == 404
    make_shop("corner")
    refresh(book="CNY")
    rfm, lifecycle = client.get("/api/v1/rfm").json(), client.get("/api/v1/lifecycle?book=CNY").json()
    assert (rfm["book"], rfm["currency"], len(rfm["cells"])) == ("CNY", "CNY", 25)
    assert rfm["groups"][0]["code"] == "champions"
    assert lifecycle["bounds"]["source"] == "fallback"
    assert client.get("/api/v1/lifecycle?book=nonsense").status_code == 404
    assert api("segments:read").get("/api/v1/rfm").status_code == 403


# --- campaigns --------------------------------------------------------------------------------------------------------


@pytest.fixture
def draft(db):
    make_shop("corner", book="CNY")
    segment = Segment.objects.create(name="Lost", rule=LOST, book="CNY")
    template = Template.objects.create(name="Hello", channel="email", subject="Hello", body="Hello there")
    return {
        "name": "Win back", "shop": "corner", "channel": "email", "segment": segment.pk, "template": template.pk,
        "unplanned_reason": "Asked for by the shop",
    }  # fmt: skip


def test_a_draft_sends_nothing(api, draft, wang):
    made = api("campaigns:write").post("/api/v1/campaigns", draft)
    assert made.status_code == 201, made.json()
    assert (made.json()["state"], made.json()["shop"], made.json()["holdout_percent"]) == ("draft", "corner", 10)
    assert Campaign.objects.get().messages.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [{"unplanned_reason": ""}, {"channel": "sms"}, {"holdout_percent": 51}, {"segment": 999}, {"shop": "nowhere"}],
)
def test_a_draft_that_cannot_be_sent_is_refused(api, draft, wrong):
    assert api("campaigns:write").post("/api/v1/campaigns", {**draft, **wrong}).status_code == 422
    assert not Campaign.objects.exists()


def test_writing_drafts_does_not_allow_sending(api, draft):
    pk = api("campaigns:write").post("/api/v1/campaigns", draft).json()["id"]
    for verb in ("schedule", "pause", "resume", "cancel"):
        answer = api("campaigns:write", "campaigns:read").post(f"/api/v1/campaigns/{pk}/{verb}", {})
        assert answer.status_code == 403
        assert "campaigns:send" in answer.json()["detail"]
    assert Campaign.objects.get().state == "draft"


def test_a_campaign_is_scheduled_once_paused_resumed_and_cancelled(api, draft, settings):
    settings.SMTP_URL = "smtp://127.0.0.1:2525"
    client = api("campaigns:write", "campaigns:send")
    pk = client.post("/api/v1/campaigns", draft).json()["id"]
    body = {"at": "2099-01-01T10:00:00+08:00"}
    assert client.post(f"/api/v1/campaigns/{pk}/resume", {}).status_code == 409
    scheduled = client.post(f"/api/v1/campaigns/{pk}/schedule", body)
    assert (scheduled.status_code, scheduled.json()["state"]) == (200, "scheduled"), scheduled.json()
    assert client.post(f"/api/v1/campaigns/{pk}/schedule", body).status_code == 409
    paused = client.post(f"/api/v1/campaigns/{pk}/pause", {"reason": "Wrong price"}).json()
    assert (paused["state"], paused["pause_reason"]) == ("paused", "Wrong price")
    assert client.post(f"/api/v1/campaigns/{pk}/resume", {}).json()["state"] == "scheduled"
    assert client.post(f"/api/v1/campaigns/{pk}/cancel", {}).json()["state"] == "cancelled"
    assert client.post(f"/api/v1/campaigns/{pk}/cancel", {}).status_code == 409


def test_a_report_counts_from_rows(api, draft, wang, li):
    pk = api("campaigns:write").post("/api/v1/campaigns", draft).json()["id"]
    campaign = Campaign.objects.get()
    rows = {wang: {"arm": "treated", "state": "delivered"}, li: {"arm": "holdout", "state": "held_out"}}
    for customer, fields in rows.items():
        campaign.messages.create(customer=customer, channel="email", due_at=campaign.created_at, **fields)
    found = api("campaigns:read").get(f"/api/v1/campaigns/{pk}/report").json()
    assert (found["treated"], found["holdout"], found["delivered"]) == (1, 1, 1)
    assert found["response"] == {"hits": 0, "n": 1, "value": 0.0, "interval": found["response"]["interval"]}
    assert set(found["orders"]["uplift"]) == {"low", "mid", "high"}
    assert found["currency"] == "CNY"


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_is_watched_and_stopped(api):
    job = submit(kind="demo_load", title="Load the demo shop")
    reader, stopper = api("jobs:read"), api("jobs:write")
    assert reader.get(f"/api/v1/jobs/{job.pk}").json()["state"] == "queued"
    assert reader.post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 403
    assert stopper.post(f"/api/v1/jobs/{job.pk}/cancel").json()["state"] == "cancelled"
    assert reader.get("/api/v1/jobs?state=cancelled").json()["results"][0]["id"] == job.pk
    assert reader.get("/api/v1/jobs?state=running").json()["results"] == []
    assert Job.objects.get().cancel_requested
