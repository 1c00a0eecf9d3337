from datetime import timedelta

import pytest
from django.utils import timezone

from crm_suite.access.models import AuditEvent
from customers.models import Consent, Customer, Identity
from tests.builders import make_consent, make_customer, make_facts, make_identity, make_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def wang() -> Customer:
    wang = make_customer("王芳", phone="+8613800138000", email="wang@shop.example", city="杭州", note="Likes Longjing")
    make_facts(wang, orders=3, net_amount="1234.50", stage="lost", r_score=1)
    make_identity(wang, "+8613800138000", kind="phone", scope="")
    return wang


def test_personal_data_are_masked_without_the_scope(api, wang):
    shown = api("customers:read").get(f"/api/v1/customers/{wang.pk}").json()
    assert (shown["name"], shown["phone"], shown["email"]) == ("王*", "138****8000", "w***@shop.example")
    assert shown["note"] == "" and shown["birthday"] is None
    assert "13800138000" not in str(shown) and "王芳" not in str(shown)


def test_personal_data_are_in_clear_with_it(api, wang):
    shown = api("customers:read", "pii:read").get(f"/api/v1/customers/{wang.pk}").json()
    assert (shown["name"], shown["phone"], shown["note"]) == ("王芳", "+8613800138000", "Likes Longjing")
    assert shown["identities"][0]["value"] == "+8613800138000"


def test_amounts_are_texts_with_their_currency(api, wang):
    facts = api("customers:read").get(f"/api/v1/customers/{wang.pk}").json()["facts"]
    assert (facts["net_amount"], facts["currency"], facts["orders"]) == ("1234.50", "CNY", 3)


def test_a_customer_without_facts_is_shown_all_the_same(api):
    li = make_customer("李雷")
    assert api("customers:read").get(f"/api/v1/customers/{li.pk}").json()["facts"] is None


def test_somebody_who_was_merged_is_not_there(api, wang):
    gone = make_customer("gone", merged_into=wang)
    client = api("customers:read")
    assert client.get(f"/api/v1/customers/{gone.pk}").status_code == 404
    assert [row["id"] for row in client.get("/api/v1/customers").json()["results"]] == [wang.pk]


def test_lists_are_filtered_as_the_page_filters(api, wang):
    active = make_customer("active")
    make_facts(active, stage="active", orders=1)
    client = api("customers:read")
    assert ids(client.get("/api/v1/customers?stage=lost")) == [wang.pk]
    assert ids(client.get("/api/v1/customers?orders_min=2")) == [wang.pk]
    assert ids(client.get("/api/v1/customers?phone=138 0013 8000")) == [wang.pk]
    assert ids(client.get("/api/v1/customers?email=Wang@Shop.example")) == [wang.pk]
    assert ids(client.get("/api/v1/customers?email=shop.example")) == []
    assert client.get("/api/v1/customers?stage=nonsense").status_code == 422


def test_a_part_of_a_hidden_address_finds_nobody(api, wang):
    assert ids(api("customers:read").get("/api/v1/customers?q=1380013")) == []
    assert ids(api("customers:read", "pii:read").get("/api/v1/customers?q=1380013")) == [wang.pk]


def test_a_copy_is_kept_up_to_date_in_the_order_of_changes(api, wang):
    li = make_customer("李雷")
    old = make_customer("old")
    Customer.objects.filter(pk=old.pk).update(updated_at=timezone.now() - timedelta(days=2))
    Customer.objects.filter(pk=wang.pk).update(updated_at=timezone.now() + timedelta(seconds=5))
    since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(api("customers:read").get(f"/api/v1/customers?updated_since={since}")) == [li.pk, wang.pk]


def ids(answer) -> list[int]:
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_change_is_normalised_and_recorded(api, wang):
    client = api("customers:read", "customers:write", "pii:read")
    answer = client.patch(f"/api/v1/customers/{wang.pk}", {"phone": "139-1111-2222", "city": "苏州"})
    assert answer.status_code == 200
    assert answer.json()["phone"] == "+8613911112222"
    wang.refresh_from_db()
    assert (wang.city, wang.name) == ("苏州", "王芳")
    event = AuditEvent.objects.get(action="customer.edit")
    assert event.actor is not None and "139****2222" in str(event.changes)


def test_a_masked_phone_sent_back_is_refused_and_nothing_changes(api, wang):
    answer = api("customers:write").patch(f"/api/v1/customers/{wang.pk}", {"phone": "138****8000", "city": "X"})
    assert answer.status_code == 422
    wang.refresh_from_db()
    assert (wang.phone, wang.city) == ("+8613800138000", "杭州")


def test_put_by_a_shops_key_makes_a_customer_once(api):
    make_shop("corner")
    client = api("customers:write", "pii:read")
    body = {"name": "韩梅梅", "phone": "13700001111", "city": "杭州"}
    first = client.put("/api/v1/customers/by-external-id/corner/han_88", body)
    second = client.put("/api/v1/customers/by-external-id/corner/han_88", body)
    assert first.json()["updated_at"] == second.json()["updated_at"]
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert second.json()["phone"] == "+8613700001111"
    assert Customer.objects.count() == 1
    assert Identity.objects.get(kind="platform").value == "han_88"


def test_put_replaces_what_was_known_and_leaves_the_rest(api):
    make_shop("corner")
    client = api("customers:write", "pii:read")
    client.put("/api/v1/customers/by-external-id/corner/han", {"name": "Han", "city": "杭州"})
    client.put("/api/v1/customers/by-external-id/corner/han", {"name": "韩梅梅"})
    han = Customer.objects.get()
    assert (han.name, han.city) == ("韩梅梅", "杭州")


def test_put_joins_the_person_who_has_this_phone(api, wang):
    make_shop("corner")
    answer = api("customers:write").put("/api/v1/customers/by-external-id/corner/w1", {"phone": "138 0013 8000"})
    assert (answer.status_code, answer.json()["id"]) == (201, wang.pk)


def test_put_into_a_shop_that_is_not_there_is_a_404(api):
    assert api("customers:write").put("/api/v1/customers/by-external-id/nowhere/x", {}).status_code == 404
    assert not Customer.objects.exists()


def test_put_with_a_bad_phone_makes_nobody(api):
    make_shop("corner")
    answer = api("customers:write").put("/api/v1/customers/by-external-id/corner/x", {"phone": "12"})
    assert answer.status_code == 422
    assert not Customer.objects.exists()


def test_consent_is_appended_and_counts_at_once(api, wang):
    client = api("customers:read", "customers:write")
    body = {"channel": "sms", "granted": True, "source": "checkout", "wording": "News by SMS"}
    assert client.post(f"/api/v1/customers/{wang.pk}/consents", body).status_code == 201
    wang.facts.refresh_from_db()
    assert wang.facts.sms_ok and not wang.facts.email_ok
    client.post(f"/api/v1/customers/{wang.pk}/consents", {**body, "granted": False})
    wang.facts.refresh_from_db()
    assert not wang.facts.sms_ok
    assert [row["granted"] for row in client.get(f"/api/v1/customers/{wang.pk}/consents").json()] == [False, True]


@pytest.mark.parametrize(
    "wrong", [{"channel": "fax"}, {"occurred_at": "2999-01-01T00:00:00Z"}, {"source": ""}, {"granted": "perhaps"}]
)
def test_a_consent_that_cannot_be_is_refused(api, wang, wrong):
    make_consent(wang, "sms")
    body = {"channel": "sms", "granted": True, "source": "checkout", **wrong}
    assert api("customers:write").post(f"/api/v1/customers/{wang.pk}/consents", body).status_code == 422
    assert Consent.objects.count() == 1
