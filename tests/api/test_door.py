"""What holds for every address of the API: tokens, scopes, problems, paging, bodies, schema and documentation."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from crm_suite.access.checks import routes
from crm_suite.access.models import ApiToken
from crm_suite.access.scopes import SCOPES
from crm_suite.lib.rest import JsonBody
from tests.builders import make_customer, make_token, make_user

pytestmark = pytest.mark.django_db

LISTS = ["customers", "orders", "products", "touchpoints", "segments", "campaigns", "jobs"]


def test_the_schema_is_valid_without_a_warning(tmp_path):
    target = tmp_path / "schema.yml"
    call_command("spectacular", "--file", str(target), "--validate", "--fail-on-warn")
    text = target.read_text()
    assert "/api/v1/customers/by-external-id/{source}/{external_id}" in text
    assert "application/problem+json" in text


def test_every_address_names_a_scope_that_a_token_can_have():
    views = [view.cls for path, view in routes(get_resolver()) if path.startswith("api/v1/") and hasattr(view, "cls")]
    assert len(views) > 10
    known = {scope.partition(":")[0] for scope in SCOPES} | {"me", "schema"}
    assert {view.scope for view in views} <= known
    for view in views:
        assert set(getattr(view, "action_scopes", {}).values()) <= set(SCOPES)


@pytest.mark.parametrize("path", LISTS)
def test_without_a_token_there_is_nothing_to_see(path):
    answer = APIClient().get(f"/api/v1/{path}")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", LISTS)
def test_a_token_without_the_scope_is_told_which_one_it_lacks(api, path):
    answer = api("pii:read").get(f"/api/v1/{path}")
    assert answer.status_code == 403
    needed = {"products": "orders"}.get(path, path)
    assert f"{needed}:read" in answer.json()["detail"]


@pytest.mark.parametrize("path", LISTS)
def test_a_token_with_the_scope_may_read(api, path):
    needed = {"products": "orders"}.get(path, path)
    answer = api(f"{needed}:read").get(f"/api/v1/{path}")
    assert answer.status_code == 200
    assert answer.json() == {"next": None, "previous": None, "results": []}


def test_reading_does_not_allow_writing(api):
    answer = api("segments:read").post("/api/v1/segments", {"name": "x", "rule": {}})
    assert answer.status_code == 403
    assert "segments:write" in answer.json()["detail"]


def test_an_expired_or_revoked_token_opens_nothing(api):
    client = api("customers:read")
    assert client.get("/api/v1/customers").status_code == 200
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert client.get("/api/v1/customers").status_code == 401
    assert api("customers:read").get("/api/v1/me").status_code == 200
    ApiToken.objects.all().delete()
    assert client.get("/api/v1/me").status_code == 401


def test_me_tells_what_the_token_may_do(api):
    answer = api("orders:read", "pii:read").get("/api/v1/me").json()
    assert answer["scopes"] == ["orders:read", "pii:read"]
    assert answer["token"] == "test"


def test_a_persons_session_reads_what_their_role_allows_and_writes_nothing():
    analyst, agent = Client(), Client()
    analyst.force_login(make_user("analyst"))
    agent.force_login(make_user("agent"))
    assert analyst.get("/api/v1/customers").status_code == 200
    assert agent.get("/api/v1/customers").status_code == 403
    refused = analyst.post("/api/v1/segments", json.dumps({"name": "x", "rule": {}}), content_type="application/json")
    assert refused.status_code == 403


# --- bodies and problems ----------------------------------------------------------------------------------------------


def send(client: APIClient, body: bytes | str):
    return client.post("/api/v1/segments", body, content_type="application/json")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": NaN}',
        b"\xff\xfe",
        b'{"name": "a\\u0000b", "rule": {}}',
        b'{"name": "\\ud83d", "rule": {}}',
        b"[" * 100_000,
    ],
    ids=["cut", "nan", "bytes", "nul", "half a character", "deep"],
)
def test_a_body_that_cannot_be_read_is_a_400(api, body):
    answer = send(api("segments:write"), body)
    assert answer.status_code == 400
    assert answer.json()["type"] == "/errors/parse_error"


def test_a_body_that_breaks_a_rule_is_a_422_that_names_the_field(api):
    answer = send(api("segments:write"), '{"rule": {}}')
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["status"], problem["type"]) == (422, "/errors/validation")
    assert problem["errors"] == [{"pointer": "/name", "code": "required", "detail": "This field is required."}]


def test_a_body_that_is_too_large_is_a_413(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert send(api("segments:write"), json.dumps({"name": "x" * 200, "rule": {}})).status_code == 413
    assert send(api("segments:write"), json.dumps({"name": "x" * 20, "rule": {"all": []}})).status_code == 201


def test_another_kind_of_body_is_a_415(api):
    answer = api("segments:write").post("/api/v1/segments", "name=x", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415
    assert JsonBody.media_type == "application/json"


@pytest.mark.parametrize("path", ["customers/999", "customers/99999999999999999999", "orders/7/", "nothing"])
def test_what_is_not_there_is_a_404(api, path):
    assert api("customers:read", "orders:read").get(f"/api/v1/{path}").status_code == 404


# --- paging -----------------------------------------------------------------------------------------------------------


def test_pages_follow_each_other_without_gap_or_repetition_while_customers_arrive(api):
    made = [make_customer(f"C{number}").pk for number in range(7)]
    client, seen, url = api("customers:read"), [], "/api/v1/customers?limit=3"
    while url:
        answer = client.get(url)
        page = answer.json()
        assert len(page["results"]) <= 3
        if page["next"]:
            assert f'<{page["next"]}>; rel="next"' in answer["Link"]
        seen += [row["id"] for row in page["results"]]
        make_customer("newcomer")
        url = page["next"]
    assert seen == made[::-1]


def test_a_page_is_never_larger_than_two_hundred(api):
    for number in range(205):
        make_customer(f"C{number}")
    assert len(api("customers:read").get("/api/v1/customers?limit=1000").json()["results"]) == 200


def test_a_cursor_that_we_did_not_make_is_refused(api):
    assert api("customers:read").get("/api/v1/customers?cursor=%00nonsense").status_code == 404


# --- documentation ----------------------------------------------------------------------------------------------------


def test_the_documentation_page_keeps_the_content_security_policy():
    client = Client()
    assert client.get("/api/docs/").status_code == 302
    client.force_login(make_user("analyst"))
    page = client.get("/api/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "<style" not in text and "<script>" not in text
    assert "script-src 'self'" in page["Content-Security-Policy"]
    script = client.get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/v1/schema" in script.content.decode()


def test_the_schema_is_for_those_who_may_use_the_api(api):
    assert APIClient().get("/api/v1/schema").status_code == 401
    assert api("orders:read").get("/api/v1/schema").status_code == 200


def test_a_token_is_shown_to_nobody(api):
    secret = make_token("customers:read")
    assert secret not in json.dumps(api("customers:read").get("/api/v1/me").json())
