"""Points, tags and notes as programs note them."""

import pytest

from customers.models import CustomerTag, Membership, PointsEntry, Tag
from segmentation.tagging import save_tag_rule
from tests.builders import make_customer, make_facts, make_points, make_segment, make_tier

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei():
    return make_customer("Han Mei")


def url(customer, name):
    return f"/api/v1/customers/{customer.pk}/{name}"


def test_a_balance_is_told_with_its_entries(api, mei):
    make_points(mei, 100)
    make_points(mei, -30, reason="Cup")
    make_points(make_customer("Li Lei"), 7)
    Membership.objects.filter(customer=mei).update(tier=make_tier("CNY", 1, name="Gold", min_orders=1))
    told = api("customers:read").get(url(mei, "points")).json()
    assert (told["balance"], told["tier"], told["member_since"]) == (70, "Gold", None)
    assert [(entry["kind"], entry["points"]) for entry in told["entries"]] == [("redeem", -30), ("earn", 100)]


def test_who_is_in_no_programme_has_nothing(api, mei):
    assert api("customers:read").get(url(mei, "points")).json()["balance"] == 0
    assert not Membership.objects.exists()


def test_points_are_given_and_spent_once_per_key(api, mei):
    client = api("customers:write", "customers:read")
    earn = {"kind": "earn", "points": 50, "reason": "Review", "key": "review-7", "expires_on": "2036-12-31"}
    assert client.post(url(mei, "points"), earn).status_code == 201
    assert client.post(url(mei, "points"), earn).status_code == 201
    assert client.get(url(mei, "points")).json()["balance"] == 50
    refusal = client.post(url(mei, "points"), {"kind": "redeem", "points": 51, "reason": "Cup"})
    assert (refusal.status_code, refusal.json()["type"]) == (409, "/errors/too_few_points")
    assert PointsEntry.objects.count() == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "expire", "points": 1, "reason": "x"}, {"kind": "earn", "points": 0, "reason": "x"},
        {"kind": "earn", "points": 1, "reason": ""}, {"kind": "earn", "points": 10**12, "reason": "x"},
        {"kind": "redeem", "points": 1, "reason": "x", "expires_on": "2030-01-01"},
    ],
)  # fmt: skip
def test_impossible_wishes_are_refused(api, mei, wish):
    assert api("customers:write").post(url(mei, "points"), wish).status_code == 422
    assert not PointsEntry.objects.exists()


def test_reading_is_not_writing(api, mei):
    for name, body in (("points", {"kind": "earn", "points": 1, "reason": "x"}), ("tags", {"add": ["VIP"]})):
        assert api("customers:read").post(url(mei, name), body).status_code == 403
    assert not PointsEntry.objects.exists() and not Tag.objects.exists()


def test_tags_are_put_on_and_taken_off_together(api, mei):
    client = api("customers:write", "customers:read")
    client.post(url(mei, "tags"), {"add": ["trial", "VIP"]})
    told = client.post(url(mei, "tags"), {"add": ["regular"], "remove": ["trial"]}).json()
    assert [(row["name"], row["source"]) for row in told] == [("VIP", "hand"), ("regular", "hand")]
    assert client.get(url(mei, "tags")).json() == told


def test_a_tag_that_a_rule_keeps_stops_the_whole_wish(api, mei):
    make_facts(mei, orders=1)
    save_tag_rule(tag=Tag.objects.create(name="regular"), segment=make_segment())
    refusal = api("customers:write").post(url(mei, "tags"), {"add": ["VIP"], "remove": ["regular"]})
    assert (refusal.status_code, refusal.json()["type"]) == (409, "/errors/kept_by_rule")
    assert list(CustomerTag.objects.values_list("tag__name", flat=True)) == ["regular"]


def test_notes_are_written_by_all_and_read_by_those_who_may(api, mei):
    assert api("customers:write").post(url(mei, "notes"), {"text": "Prefers tea"}).status_code == 201
    assert api("customers:write").post(url(mei, "notes"), {"text": " "}).status_code == 422
    assert api("customers:read").get(url(mei, "notes")).status_code == 403
    told = api("customers:read", "pii:read").get(url(mei, "notes")).json()
    assert [note["text"] for note in told] == ["Prefers tea"]


def test_somebody_who_was_merged_is_not_there(api, mei):
    gone = make_customer("Mei Han", merged_into=mei)
    assert api("customers:read").get(url(gone, "points")).status_code == 404
