"""A person gets everything that is known of them, or is forgotten for good."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from customers.api.upserts import put_customer
from customers.duplicates import find_pairs
from customers.identities import Person, match_people
from customers.ledger import earn_points
from customers.merging import merge_customers, unmerge
from customers.models import (
    Customer,
    CustomerMerge,
    CustomerNote,
    CustomerTag,
    DuplicatePair,
    ErasedKey,
    Identity,
    Suppression,
    Tag,
)  # fmt: skip
from customers.notes import write_note
from customers.persons import erase_person, export_person, hand_over
from customers.services import edit_customer, suppress
from customers.tagging import add_tags
from orders.models import ImportChange, ImportFile, Order, OrderLine, ParkedRow, Refund, RejectedRow
from orders.services import upsert_orders
from orders.upserting import OrderInput
from tests.builders import (
    NOON,
    make_campaign,
    make_consent,
    make_customer,
    make_message,
    make_purchase,
    make_response,
    make_shop,
    make_touchpoint,
    make_user,
)  # fmt: skip

pytestmark = pytest.mark.django_db

PHONE, EMAIL, NICK, NAME = "+8613800138000", "lei.li@example.com", "lilei1990", "李雷雷"
SECRETS = (PHONE, PHONE[3:], EMAIL, NICK, NAME)


@pytest.fixture
def shop():
    return make_shop("tmall")


def person(**fields):
    given = {"original": NICK, "name": NAME, "phone": PHONE, "email": EMAIL, "loyalty_no": "VIP77", **fields}
    return Person("platform", "tmall", NICK, **given)


def matched(told):
    return match_people(people=[told], source="test")[told.key]


@pytest.fixture
def lei(shop):
    pk = matched(person(address="杭州市文三路一百号", masked_phone="138****8000"))
    lei = Customer.objects.get(pk=pk)
    order = make_purchase(lei, shop, "2026-03-01", extra={"remark": f"for {NAME}"})
    OrderLine.objects.create(order=order, line_no=1, name="毛衣", quantity=1, unit_price=100, amount=100)
    make_touchpoint(lei, "t1", summary=f"{NAME} asks", data={"phone": PHONE})
    message = make_message(make_campaign(shop, started_at=NOON), lei, masked_address="l***@example.com")
    make_response(message, "reply", data={"text": f"I am {NAME}"})
    make_consent(lei, "email", proof=PHONE)
    CustomerNote.objects.create(customer=lei, text=NAME)
    CustomerTag.objects.create(customer=lei, tag=Tag.objects.create(name="VIP"))
    earn_points(customer=lei, points=5, reason=f"birthday of {NAME}")
    return lei


def everything():
    """The text of every table of the rooms, as somebody who steals the database reads it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'
               AND table_name ~ '^(customers|orders|touchpoints|campaigns|segmentation|access)_'"""
        )
        names = [row[0] for row in cursor.fetchall()]
        text = []
        for name in names:
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{name}" t')
            text += [row[0] for row in cursor.fetchall()]
    return "\n".join(text)


# --- export -----------------------------------------------------------------------------------------------------------


def test_the_export_holds_what_every_room_knows_and_nothing_of_others(lei, shop):
    make_touchpoint(make_customer("Zoe"), "zoe", summary="a secret of Zoe")
    found: dict[str, Any] = export_person(lei)
    assert found["customer"]["phone"] == PHONE
    assert {row["kind"] for row in found["customers.identity"]} == {"platform", "phone", "email", "loyalty"}
    assert found["orders.order"][0]["paid_amount"] == "100.00"
    assert found["orders.orderline"][0]["name"] == "毛衣"
    assert found["touchpoints.touchpoint"][0]["data"] == {"phone": PHONE}
    assert found["campaigns.response"][0]["data"]["text"] == f"I am {NAME}"
    assert found["customers.customernote"] and found["customers.consent"]
    assert "Zoe" not in json.dumps(found, ensure_ascii=False)
    assert export_person(lei) == found


def test_handing_over_is_recorded(lei):
    owner = make_user("owner")
    assert hand_over(customer=lei, by=owner) == export_person(lei)
    assert AuditEvent.objects.get(action="customer.hand_over").actor == owner


# --- erasing ----------------------------------------------------------------------------------------------------------


def test_who_is_erased_is_nowhere_any_more_and_the_figures_stay(lei):
    assert all(secret in everything() for secret in (PHONE, EMAIL, NICK, NAME))
    erase_person(customer=lei, by=make_user("owner"))
    left = everything()
    assert [secret for secret in SECRETS if secret in left] == []
    order = Order.objects.get()
    assert (order.customer, order.paid_amount, order.lines.count()) == (lei, Decimal(100), 1)
    assert lei.touchpoints.count() == lei.messages.count() == 1
    assert not lei.tags.exists() and not lei.weak_keys.exists()
    assert AuditEvent.objects.get(action="customer.erase").target == f"customer:{lei.pk}"


def test_nobody_writes_to_their_addresses_again_whoever_has_them(lei):
    suppress(channel="sms", address=PHONE, reason="unsubscribed")
    erase_person(customer=lei, by=None)
    assert sorted(Suppression.objects.values_list("channel", flat=True)) == ["email", "sms"]
    assert Suppression.objects.get(channel="sms").reason == "unsubscribed"


@pytest.mark.parametrize(
    "told",
    [
        person(),
        person(city="杭州", wechat_id="oUnion12345", address="杭州市文三路一百号", masked_phone="138****8000"),
        Person("phone", "", PHONE, PHONE, NAME, PHONE),
        Person("email", "", EMAIL, EMAIL, NAME, "", EMAIL),
        Person("platform", "jd", "another-nick", "another-nick", NAME, PHONE),
        Person("loyalty", "tmall", "VIP77", "VIP77", NAME),
    ],
)
def test_no_later_import_brings_them_back(lei, told):
    erase_person(customer=lei, by=None)
    assert matched(told) == lei.pk
    assert matched(told) == lei.pk
    left = everything()
    assert [secret for secret in (*SECRETS, "another-nick", "oUnion12345") if secret in left] == []
    assert Customer.objects.count() == 1


def test_an_order_told_again_by_the_api_stays_of_nobody_known(lei, shop, django_capture_on_commit_callbacks):
    erase_person(customer=lei, by=None)
    told = OrderInput(
        external_id=Order.objects.get().external_id, placed_at=NOON, paid_at=NOON, state="paid",
        total_amount=Decimal(100), buyer_id=NICK, buyer_name=NAME, phone=PHONE, email=EMAIL, extra={"remark": NAME},
    )  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        upsert_orders(shop=shop, orders=[told, replace(told, external_id="NEW-1")])
    assert Order.objects.filter(customer=lei).count() == 2
    left = everything()
    assert [secret for secret in SECRETS if secret in left] == []


def test_the_machines_door_writes_nothing_to_them(lei, shop):
    erase_person(customer=lei, by=None)
    fields = {"name": NAME, "phone": PHONE, "email": EMAIL}
    assert put_customer(shop=shop, external_id=NICK, fields=fields) == (lei, False)
    assert Customer.objects.get().name == ""
    with pytest.raises(WrongState, match="erased"):
        edit_customer(customer=Customer.objects.get(), name=NAME)


def test_another_person_whose_parcel_has_their_phone_keeps_their_own_name(lei):
    mei = Person("platform", "tmall", "meimei", name="韩梅梅")
    pk = matched(mei)
    erase_person(customer=lei, by=None)
    told = Person("platform", "tmall", "meimei", name="韩梅梅", phone=PHONE)
    assert matched(told) == pk
    assert Customer.objects.get(pk=pk).name == "韩梅梅"
    assert PHONE not in everything()


def test_somebody_elses_key_is_not_erased_with_them(shop):
    agent = Customer.objects.get(pk=matched(Person("phone", "", PHONE, phone=PHONE)))
    lei = make_customer(NAME, phone=PHONE)
    erase_person(customer=lei, by=None)
    assert Identity.objects.get().customer == agent
    assert not ErasedKey.objects.exists()
    assert matched(Person("phone", "", PHONE, phone=PHONE)) == agent.pk


def test_whoever_was_merged_into_them_is_forgotten_too(lei):
    mei = make_customer("韩梅梅", phone="+8613900139000", note="sister")
    merge_customers(kept=lei, gone=mei, by=None)
    with pytest.raises(WrongState):
        erase_person(customer=Customer.objects.get(pk=mei.pk), by=None)
    erase_person(customer=lei, by=None)
    left = everything()
    assert [word for word in (*SECRETS, "韩梅梅", "13900139000", "sister") if word in left] == []
    assert not CustomerMerge.objects.exists()


def test_they_are_neither_proposed_nor_merged(lei):
    erase_person(customer=lei, by=None)
    other = make_customer("Zoe")
    with pytest.raises(WrongState, match="erased"):
        merge_customers(kept=other, gone=lei, by=None)
    find_pairs()
    assert not DuplicatePair.objects.exists()


def test_erasing_twice_is_harmless(lei):
    erase_person(customer=lei, by=None)
    keys = set(Identity.objects.values_list("value", flat=True))
    erase_person(customer=Customer.objects.get(pk=lei.pk), by=None)
    assert set(Identity.objects.values_list("value", flat=True)) == keys


def test_somebody_whose_phone_came_by_a_merge_can_be_erased(shop):
    lei = make_customer("李雷")
    mei = Customer.objects.get(pk=matched(person()))
    merge_customers(kept=lei, gone=mei, by=None)
    erase_person(customer=lei, by=None)
    left = everything()
    assert [secret for secret in SECRETS if secret in left] == []
    assert matched(person()) == lei.pk


def test_a_phone_that_two_had_one_after_the_other_can_be_erased_twice(lei):
    erase_person(customer=lei, by=None)
    mei = make_customer("韩梅梅")
    edit_customer(customer=mei, phone=PHONE)
    erase_person(customer=mei, by=None)
    assert PHONE not in everything()


def test_a_page_that_was_loaded_before_brings_nothing_back(lei):
    loaded = Customer.objects.get(pk=lei.pk)
    erase_person(customer=lei, by=None)
    for verb in (
        lambda: edit_customer(customer=loaded, name=f"{NAME}!"),
        lambda: write_note(customer=loaded, text=NAME),
        lambda: add_tags(customer=loaded, names=[NAME]),
    ):
        with pytest.raises(WrongState, match="erased"):
            verb()
    assert NAME not in everything()


def test_nothing_is_written_to_who_was_merged(lei):
    mei = make_customer("韩梅梅")
    loaded = Customer.objects.get(pk=mei.pk)
    merge_customers(kept=lei, gone=mei, by=None)
    for verb in (
        lambda: edit_customer(customer=loaded, city="北京"),
        lambda: write_note(customer=loaded, text="called"),
        lambda: add_tags(customer=loaded, names=["new"]),
    ):
        with pytest.raises(WrongState, match="another one"):
            verb()


def test_the_export_holds_what_stayed_with_a_merged_row(lei):
    mei = make_customer("韩梅梅", phone="+8613900139000")
    merge = merge_customers(kept=lei, gone=mei, by=None)
    found: Any = export_person(lei)
    assert [row["customer"]["phone"] for row in found["merged"]] == ["+8613900139000"]
    unmerge(merge=merge, by=None)
    assert "merged" not in export_person(lei)


# --- what files left behind -------------------------------------------------------------------------------------------


@pytest.fixture
def file(shop):
    return ImportFile.objects.create(shop=shop, name="a.csv", path="", size=1, sha256="0")


def reject(file, row_no, *cells, reason="Bad cell"):
    return RejectedRow.objects.create(import_file=file, row_no=row_no, code="bad_cell", reason=reason, raw=list(cells))


def test_rejected_rows_without_an_order_forget_who_they_named(lei, file):
    for number, cells in enumerate([("138 0013-8000", "x"), (NICK, "y"), (EMAIL.upper(), "z"), ("+86 13800138000",)]):
        reject(file, number, *cells)
    reject(file, 8, "cell", reason="“13800138000” is no day")
    reject(file, 9, "13900139000", "VIP7")
    erase_person(customer=lei, by=None)
    assert list(RejectedRow.objects.order_by("row_no").values_list("row_no", "raw", "reason")) == [
        *((number, [], "bad_cell") for number in (0, 1, 2, 3, 8)),
        (9, ["13900139000", "VIP7"], "Bad cell"),
    ]


def test_rows_shown_by_a_dry_run_forget_them(lei, file, shop):
    shown: dict[str, Any] = {"rows": 9, "errors": [], "sample": [["1", "13800138000"]]}
    others = {"rows": 9, "errors": [{"value": "13900139000"}], "sample": [["1", "李雷"]]}
    other = ImportFile.objects.create(shop=shop, name="b.csv", path="", size=1, sha256="1", dry_run=others)
    ImportFile.objects.filter(pk=file.pk).update(dry_run=shown)
    erase_person(customer=lei, by=None)
    file.refresh_from_db()
    other.refresh_from_db()
    assert file.dry_run == {"rows": 9, "errors": [], "sample": []}
    assert other.dry_run == others


def test_rows_that_wait_for_an_order_nobody_has_seen_forget_them(lei, file, shop):
    told: dict[str, object] = {"kind": "f", "buyer_key": f"platform:{NICK}", "buyer_name": NAME, "phone": PHONE}
    told |= {"reason": NAME, "refund": 5}
    other = {"kind": "f", "buyer_key": "platform:mei", "buyer_name": "韩梅梅"}
    for number, row in enumerate((told, other)):
        ParkedRow.objects.create(shop=shop, order_no=f"F{number}", import_file=file, row_no=number, row=row)
    erase_person(customer=lei, by=None)
    assert list(ParkedRow.objects.values_list("row", flat=True)) == [{"kind": "f", "refund": 5}, other]


def test_what_was_kept_to_take_an_import_back_forgets_them(lei, file, shop):
    order = Order.objects.get()
    refund = Refund.objects.create(
        shop=shop, external_id="R1", customer=lei, amount=5, refunded_at=NOON, refunded_on=NOON.date(), reason=NAME
    )
    before = {
        "order": {"id": order.pk, "extra": {"remark": NAME}},
        "refunds": [{"id": 1, "reason": NAME}],
        "parked": [{"id": 7, "order_no": "F1", "row": {"kind": "f", "phone": PHONE, "refund": 5}}],
    }
    ImportChange.objects.create(import_file=file, order_id=order.pk, before=before)
    ImportChange.objects.create(import_file=file, order_id=-refund.pk, before={"refund": {"id": 1, "reason": NAME}})
    erase_person(customer=lei, by=None)
    assert ImportChange.objects.get(order_id=order.pk).before == {
        "order": {"id": order.pk, "extra": {}},
        "refunds": [{"id": 1, "reason": ""}],
        "parked": [{"id": 7, "order_no": "F1", "row": {"kind": "f", "refund": 5}}],
    }
    assert ImportChange.objects.get(order_id=-refund.pk).before == {"refund": {"id": 1, "reason": ""}}


def test_a_masked_key_is_nobodys(shop):
    with pytest.raises(BadInput, match="masked"):
        put_customer(shop=shop, external_id="t**8", fields={"name": NAME})
    assert not Customer.objects.exists()
