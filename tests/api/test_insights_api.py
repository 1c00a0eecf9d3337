"""RFM, its options and policies, calibration and bounds over REST."""

from datetime import date

import pytest
from rest_framework.test import APIClient

from crm_suite.jobs.models import Job
from segmentation import options
from segmentation.services import refresh
from tests.builders import make_customer, make_purchase, make_shop, make_token, make_user

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 31)


@pytest.fixture
def store(db):
    """Ann came back after 10 days, Bob has waited since January."""
    shop = make_shop("tmall", platform="tmall")
    for name, days in {"Ann": ["2026-03-01", "2026-03-11"], "Bob": ["2026-01-01"]}.items():
        who = make_customer(name)
        for day in days:
            make_purchase(who, shop, day)
    refresh(as_of=DAY)
    return shop


def analyst_with(*scopes):
    """A token that may do more than its owner."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_token(*scopes, user=make_user('analyst'))}")
    return client


def test_rfm_tells_options_and_policies(api, store):
    found = api("analytics:read").get("/api/v1/rfm").json()
    assert found["options"]["threshold"] == found["measured_with"]["threshold"] == "mean"
    assert len(found["policies"]) == 8
    assert found["policies"][0] == {"group": "champions", "in_care": False, "policy": ""}


def test_options_are_changed_one_by_one(api, store):
    client = api("analytics:read", "analytics:write")
    answer = client.patch("/api/v1/rfm/options", {"frequency": "days"}, format="json")
    assert answer.status_code == 200
    assert answer.json()["job"] == Job.objects.get().pk
    client.patch("/api/v1/rfm/options", {"window_days": 90}, format="json")
    assert client.get("/api/v1/rfm/options").json() == {
        "window_days": 90, "frequency": "days", "monetary": "net", "compare": "values", "threshold": "mean",
        "r_threshold": None, "f_threshold": None, "m_threshold": None, "min_spells": 50,
    }  # fmt: skip
    assert client.patch("/api/v1/rfm/options", {"window_days": 90}, format="json").json()["job"] is None


@pytest.mark.parametrize(
    "wrong", [{"threshold": "fixed"}, {"window_days": 0}, {"frequency": "visits"}, {"min_spells": 1}]
)
def test_options_that_make_no_sense_are_refused(api, store, wrong):
    answer = api("analytics:write").patch("/api/v1/rfm/options", wrong, format="json")
    assert answer.status_code == 422
    assert options.measuring("CNY") == options.Measuring()


def test_a_policy_is_changed_and_an_unknown_group_is_refused(api, store):
    client = api("analytics:write")
    answer = client.patch("/api/v1/rfm/policies/loyal_small", {"in_care": True}, format="json")
    assert answer.json() == {"group": "loyal_small", "in_care": True, "policy": ""}
    client.patch("/api/v1/rfm/policies/loyal_small", {"policy": "Sets"}, format="json")
    assert options.policies("CNY")["loyal_small"] == options.Policy("loyal_small", in_care=True, policy="Sets")
    assert client.patch("/api/v1/rfm/policies/friends", {"policy": "x"}, format="json").status_code == 422


def test_calibration_has_both_curves(api, store):
    client = api("analytics:read")
    found = client.get("/api/v1/lifecycle/calibration?book=CNY&platform=tmall").json()
    assert (found["spells"], found["waiting"], found["enough"]) == (1, 2, False)
    assert (found["p30"], found["half_life"]) == (30, None)
    day = found["curve"][10]
    assert (day["spells"], day["returned"], day["coming_back"]) == (1, 1.0, pytest.approx(1 / 3, abs=1e-6))
    assert 0 < day["low"] < day["coming_back"] < day["high"] < 1
    assert len(found["curve"]) == 90
    refused = client.get("/api/v1/lifecycle/calibration?shop=nowhere")
    assert refused.status_code == 422
    assert "nowhere" in refused.json()["detail"]
    assert client.get("/api/v1/lifecycle/calibration?book=XYZ").status_code == 404


def test_bounds_are_put_in_force_and_given_up(api, store):
    client = api("analytics:read", "analytics:write")
    answer = client.post("/api/v1/lifecycle/bounds", {"p30": 27, "p60": 138, "p90": 426}, format="json")
    assert answer.status_code == 202
    assert answer.json()["chosen"] == {"p30": 27, "p60": 138, "p90": 426}
    assert answer.json()["in_force"]["source"] == "fallback"  # until the job has run
    refresh(book="CNY", as_of=DAY)
    assert client.get("/api/v1/lifecycle/bounds").json()["in_force"]["p90"] == 426
    client.post("/api/v1/lifecycle/bounds", {"p30": None, "p60": None, "p90": None}, format="json")
    assert options.measuring("CNY").bounds is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"p30": 9, "p60": 5, "p90": 20}, {"p30": 9}, {"p30": 0, "p60": 1, "p90": 2}, {"p30": 9, "p60": None, "p90": 10},
    ],
)  # fmt: skip
def test_bounds_that_make_no_sense_are_refused(api, store, wrong):
    assert api("analytics:write").post("/api/v1/lifecycle/bounds", wrong, format="json").status_code == 422
    assert options.measuring("CNY").bounds is None


def test_changing_needs_the_scope_and_the_owners_permission(api, store):
    bounds = {"p30": 27, "p60": 138, "p90": 426}
    wishes = [
        ("post", "/api/v1/lifecycle/bounds", bounds), ("patch", "/api/v1/rfm/options", {"frequency": "days"}),
        ("patch", "/api/v1/rfm/policies/champions", {"in_care": True}),
    ]  # fmt: skip
    reader, weak = api("analytics:read"), analyst_with("analytics:read", "analytics:write")
    for verb, url, body in wishes:
        for client in (reader, weak):
            assert getattr(client, verb)(url, body, format="json").status_code == 403
    assert weak.get("/api/v1/lifecycle/bounds").status_code == 200
    assert options.measuring("CNY") == options.Measuring()
    assert not Job.objects.exists()
