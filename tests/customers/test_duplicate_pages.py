"""The pages about one person: pairs to decide, merging, taking back, and a person's data."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from customers.duplicates import find_pairs, open_pairs
from customers.merging import merge_customers
from customers.models import Customer, CustomerMerge, DuplicatePair
from tests.builders import make_customer, make_facts, make_identity, make_user

pytestmark = pytest.mark.django_db

LEI = "+8613800138000"


@pytest.fixture
def pair():
    old = make_customer("李雷", phone=LEI, city="杭州")
    new = make_customer("李雷", phone=LEI, email="lei@example.com")
    make_facts(new, orders=3, net_amount=300)
    find_pairs()
    return open_pairs().get(first=old, second=new)


@pytest.fixture
def operator(client):
    operator = make_user("operator")
    client.force_login(operator)
    return operator


def page(client, name, *args, **query):
    return client.get(reverse(f"customers:{name}", args=args), query)


def text_of(client, name, *args, **query):
    return page(client, name, *args, **query).content.decode()


def post(client, name, *args, htmx=False, **data):
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(reverse(f"customers:{name}", args=args), data, headers=headers)


def test_a_pair_stands_side_by_side_masked_with_its_reason(client, operator, pair):
    text = text_of(client, "duplicates")
    assert "The same phone, e-mail or ID" in text
    assert "138****8000" in text and "l***@example.com" in text and "CN¥300.00" in text
    assert "13800138000" not in text and "lei@example.com" not in text
    # The one with more orders is proposed to stay.
    assert f'value="{pair.second_id}" checked' in text


def test_the_reason_filters(client, operator, pair):
    assert f"pair-{pair.pk}" in text_of(client, "duplicates", reason="shared_key")
    assert f"pair-{pair.pk}" not in text_of(client, "duplicates", reason="nick")
    assert f"pair-{pair.pk}" in text_of(client, "duplicates", reason="nonsense")


def test_one_person_merges_into_the_one_who_was_chosen(client, operator, pair):
    answer = post(client, "duplicate_decide", pair.pk, htmx=True, decision="same", keep=pair.first_id)
    merge = CustomerMerge.objects.get()
    assert (merge.kept_id, merge.gone_id, merge.merged_by) == (pair.first_id, pair.second_id, operator)
    assert reverse("customers:unmerge", args=[merge.pk]) in answer.content.decode()
    again = post(client, "duplicate_decide", pair.pk, htmx=True, decision="same", keep=pair.first_id)
    assert "part of another customer already" in again.content.decode()


def test_not_the_same_is_remembered(client, operator, pair):
    assert post(client, "duplicate_decide", pair.pk, decision="different").status_code == 302
    pair.refresh_from_db()
    assert (pair.state, pair.decided_by) == ("different", operator)
    assert "Nobody looks like somebody else" in text_of(client, "duplicates")
    assert not CustomerMerge.objects.exists()


def test_more_pairs_cost_no_more_queries(client, operator):
    for number in range(3):
        for _ in range(2):
            make_identity(make_customer("a", phone=f"+861380013800{number}"), f"n{Customer.objects.count()}")
    counts = []
    for _ in range(2):
        find_pairs()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page(client, "duplicates")
        counts.append(len(queries))
        for number in range(3, 9):
            for _ in range(2):
                make_identity(make_customer("a", phone=f"+861380013800{number}"), f"n{Customer.objects.count()}")
    assert counts[0] == counts[1]


def test_the_exports_are_masked_and_recorded(client, operator, pair):
    rows = b"".join(page(client, "duplicate_export").streaming_content).decode()
    assert "138****8000" in rows and "13800138000" not in rows
    assert "李*" in rows and "李雷" not in rows
    merge_customers(kept=pair.first, gone=pair.second, by=operator, reason="twins")
    assert "twins" in b"".join(page(client, "merge_export").streaming_content).decode()
    assert AuditEvent.objects.filter(action="customer.export", actor=operator).count() == 2


def test_who_may_export_in_clear_gets_the_names_of_pairs(client, pair):
    client.force_login(make_user("owner"))
    rows = b"".join(page(client, "duplicate_export").streaming_content).decode()
    assert "李雷" in rows and "13800138000" not in rows


def test_two_customers_are_found_compared_and_merged(client, operator):
    lei, mei = make_customer("李雷", phone=LEI), make_customer("Han Meimei", email="mei@example.com")
    found = text_of(client, "merge", kept=lei.pk, q="Meimei")
    assert f"kept={lei.pk}&amp;gone={mei.pk}" in found
    compared = text_of(client, "merge", kept=lei.pk, gone=mei.pk)
    assert "138****8000" in compared and "m***@example.com" in compared
    answer = post(client, "merge", kept=lei.pk, gone=mei.pk, reason="told us")
    assert answer["Location"] == reverse("customers:detail", args=[lei.pk])
    assert CustomerMerge.objects.get().reason == "told us"
    assert page(client, "merge", kept=mei.pk).status_code == 404
    assert page(client, "merge", kept="x").status_code == 404


def test_a_merge_is_taken_back_from_the_list(client, operator):
    lei, mei = make_customer("李雷"), make_customer("韩梅梅")
    merge = merge_customers(kept=lei, gone=mei, by=operator)
    assert reverse("customers:unmerge", args=[merge.pk]) in text_of(client, "merges")
    for words in ("a customer of their own again", "undone already"):
        answer = client.post(reverse("customers:unmerge", args=[merge.pk]), follow=True)
        assert words in answer.content.decode()
    assert not DuplicatePair.objects.filter(state="open").exists()


@pytest.mark.parametrize("name", ["duplicate_decide", "unmerge"])
def test_links_decide_nothing(client, operator, name):
    assert page(client, name, 1).status_code == 405


# --- a person's data --------------------------------------------------------------------------------------------------


@pytest.fixture
def owner(client):
    owner = make_user("owner")
    client.force_login(owner)
    return owner


def test_an_owner_downloads_a_persons_data(client, owner):
    lei = make_customer("李雷", phone=LEI)
    answer = post(client, "person_export", lei.pk, password="correct horse battery")
    assert json.loads(answer.content)["customer"]["phone"] == LEI
    assert f"customer-{lei.pk}.json" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    assert AuditEvent.objects.get(action="customer.hand_over").actor == owner


def test_the_data_of_who_was_merged_are_those_of_who_they_became(client, owner):
    lei, mei = make_customer("李雷"), make_customer("韩梅梅")
    merge_customers(kept=lei, gone=mei, by=None)
    found = json.loads(post(client, "person_export", mei.pk, password="correct horse battery").content)
    assert (found["customer"]["id"], [row["customer"]["id"] for row in found["merged"]]) == (lei.pk, [mei.pk])


@pytest.mark.parametrize("password", ["", "guess"])
def test_handing_over_asks_for_the_password_again(client, owner, password):
    lei = make_customer("李雷", phone=LEI)
    answer = post(client, "person_export", lei.pk, password=password)
    assert "The password is not right." in answer.content.decode() and LEI not in answer.content.decode()
    assert not AuditEvent.objects.filter(action="customer.hand_over").exists()


def test_the_api_hands_nothing_over_to_a_session_which_asked_for_no_password(client, owner):
    lei = make_customer("李雷", phone=LEI)
    answer = client.get(f"/api/v1/customers/{lei.pk}/export")
    assert answer.status_code == 403 and LEI not in answer.content.decode()


def test_a_link_hands_nothing_over(client, owner):
    lei = make_customer("李雷")
    assert page(client, "person_export", lei.pk)["Location"] == reverse("customers:person_erase", args=[lei.pk])
    assert not AuditEvent.objects.filter(action="customer.hand_over").exists()


@pytest.mark.parametrize("wrong", [{"number": "0"}, {"password": "guess"}, {"number": ""}])
def test_erasing_asks_for_number_and_password(client, owner, wrong):
    lei = make_customer("李雷")
    given = {"number": lei.pk, "password": "correct horse battery"} | wrong
    assert post(client, "person_erase", lei.pk, **given).status_code == 200
    assert Customer.objects.get().name == "李雷"


def test_an_owner_erases(client, owner):
    lei = make_customer("李雷", phone=LEI)
    assert "Erase this person" in text_of(client, "person_erase", lei.pk)
    post(client, "person_erase", lei.pk, number=lei.pk, password="correct horse battery")
    assert Customer.objects.get().name == ""
    assert "This person was erased" in text_of(client, "person_erase", lei.pk)


def test_others_may_do_neither(client, operator):
    lei = make_customer("李雷")
    assert post(client, "person_export", lei.pk).status_code == 403
    assert post(client, "person_erase", lei.pk, number=lei.pk, password="correct horse battery").status_code == 403
    assert Customer.objects.get().name == "李雷"
