"""Merging, taking apart and handing over by machines."""

import pytest

from customers.models import Customer, CustomerMerge
from tests.builders import make_customer

pytestmark = pytest.mark.django_db

URL = "/api/v1/customers"


@pytest.fixture
def lei():
    return make_customer("李雷", phone="+8613800138000")


@pytest.fixture
def mei():
    return make_customer("韩梅梅", email="mei@example.com")


def test_two_customers_become_one_and_two_again(api, lei, mei):
    client = api("customers:write")
    answer = client.post(f"{URL}/{lei.pk}/merge", {"gone": mei.pk, "reason": "asked"}, format="json")
    merge = CustomerMerge.objects.get()
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["id"], shown["kept"], shown["gone"], shown["undone_at"]) == (merge.pk, lei.pk, mei.pk, None)
    assert client.post(f"{URL}/{mei.pk}/merge", {"gone": lei.pk}, format="json").status_code == 404
    undone = client.post(f"{URL}/merges/{merge.pk}/undo")
    assert undone.status_code == 200 and undone.json()["undone_at"]
    again = client.post(f"{URL}/merges/{merge.pk}/undo")
    assert again.status_code == 409
    assert not Customer.objects.filter(merged_into__isnull=False).exists()


def test_nonsense_is_refused_in_words(api, lei):
    client = api("customers:write")
    assert client.post(f"{URL}/{lei.pk}/merge", {"gone": lei.pk}, format="json").status_code == 422
    assert client.post(f"{URL}/{lei.pk}/merge", {"gone": 999_999}, format="json").status_code == 404
    assert client.post(f"{URL}/{lei.pk}/merge", {}, format="json").status_code == 422
    assert client.post(f"{URL}/merges/999999/undo").status_code == 404


def test_reading_is_not_merging(api, lei, mei):
    assert api("customers:read").post(f"{URL}/{lei.pk}/merge", {"gone": mei.pk}, format="json").status_code == 403


def test_a_persons_data_need_the_scope_for_personal_data(api, lei):
    assert api("customers:read").get(f"{URL}/{lei.pk}/export").status_code == 403
    shown = api("customers:read", "pii:read").get(f"{URL}/{lei.pk}/export").json()
    assert shown["customer"]["phone"] == "+8613800138000"
