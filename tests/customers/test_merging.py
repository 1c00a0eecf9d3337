"""Two customers become one and can be taken apart again."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from crm_suite.access.models import AuditEvent
from crm_suite.jobs.models import Job
from crm_suite.lib.errors import BadInput, WrongState
from customers import moving
from customers.identities import Person, match_people
from customers.merging import merge_customers, unmerge
from customers.models import (
    Community,
    CommunityMember,
    Customer,
    CustomerFacts,
    CustomerNote,
    CustomerTag,
    DuplicatePair,
    Membership,
    PointsEntry,
    Tag,
)  # fmt: skip
from customers.persons import export_person
from customers.selectors import refusal
from customers.services import edit_customer, record_consent, refresh_reach
from orders.models import Refund
from segmentation.models import AnalysisRun, LabelChange
from tests.builders import (
    NOON,
    make_campaign,
    make_consent,
    make_customer,
    make_facts,
    make_identity,
    make_message,
    make_purchase,
    make_shop,
    make_touchpoint,
    make_user,
)  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture
def lei():
    return make_customer("李雷", phone="+8613800138000")


@pytest.fixture
def mei():
    return make_customer("", email="mei@example.com", city="杭州")


def merged(kept, gone, **options):
    return merge_customers(kept=kept, gone=gone, by=None, **options)


def points(customer, amount, key, **fields):
    kind = "earn" if amount > 0 else "redeem"
    return PointsEntry.objects.create(customer=customer, kind=kind, points=amount, occurred_at=NOON, key=key, **fields)


# --- merging ----------------------------------------------------------------------------------------------------------


def test_everything_moves_and_the_kept_details_win(lei, mei):
    shop = make_shop("jd")
    order = make_purchase(mei, shop, "2026-03-01")
    touch = make_touchpoint(mei, "t1")
    make_identity(mei, "mei", scope="jd")
    mei.name = "韩梅梅"
    mei.save()
    merged(lei, mei)
    for row in (order, touch, lei, mei):
        row.refresh_from_db()
    assert (order.customer, touch.customer, mei.merged_into) == (lei, lei, lei)
    assert (lei.name, lei.phone, lei.email, lei.city) == ("李雷", "+8613800138000", "mei@example.com", "杭州")
    assert match_people(people=[Person("platform", "jd", "mei")], source="test").popitem()[1] == lei.pk


def test_tags_are_united_and_nobody_is_twice_in_a_community(lei, mei):
    both, hers = (Tag.objects.create(name=name) for name in ("VIP", "母婴"))
    group = Community.objects.create(name="A")
    for customer, tag in [(lei, both), (mei, both), (mei, hers)]:
        CustomerTag.objects.create(customer=customer, tag=tag)
    for customer in (lei, mei):
        CommunityMember.objects.create(customer=customer, community=group, since=NOON.date())
    merged(lei, mei)
    assert [tag.tag.name for tag in lei.tags.all()] == ["VIP", "母婴"]
    assert lei.communities.count() == mei.communities.count() == 1


def test_of_two_copies_of_a_campaign_one_stays_with_who_went(lei, mei):
    shop = make_shop()
    one, other = make_campaign(shop), make_campaign(shop)
    for campaign, customer in [(one, lei), (one, mei), (other, mei)]:
        make_message(campaign, customer)
    merged(lei, mei)
    assert [message.campaign for message in lei.messages.order_by("campaign_id")] == [one, other]
    assert [message.campaign for message in mei.messages.all()] == [one]


def test_histories_of_stages_are_not_mixed(lei, mei):
    run = AnalysisRun.objects.create(book="CNY", as_of=NOON.date())
    LabelChange.objects.create(customer=mei, run=run, kind="stage", new="new", on=NOON.date())
    merged(lei, mei)
    assert not lei.label_changes.exists()


@pytest.mark.parametrize("said", [(True, False), (False, True)])
def test_the_stricter_consent_wins(lei, mei, said):
    for customer, granted, days in zip((lei, mei), said, (0, 1), strict=True):
        make_consent(customer, "email", granted, occurred_at=NOON + timedelta(days=days))
        make_consent(customer, "sms", True)
    merged(lei, mei)
    refresh_reach()
    assert refusal(customer_id=lei.pk, channel="email") == "no_consent"
    assert refusal(customer_id=lei.pk, channel="sms") is None
    assert CustomerFacts.objects.get(pk=lei.pk).email_ok is False


def test_a_yes_of_one_is_enough_where_the_other_said_nothing(lei, mei):
    make_consent(mei, "email")
    merged(lei, mei)
    assert refusal(customer_id=lei.pk, channel="email") is None
    assert lei.consents.count() == 1


def test_points_add_up_and_one_membership_stays(lei, mei):
    points(mei, 30, "a")
    points(mei, -10, "b")
    Membership.objects.filter(pk=mei.pk).update(number="VIP1", joined_on=NOON.date())
    merge = merged(lei, mei)
    assert lei.membership.points == 20 and lei.membership.number == "VIP1"
    points(lei, 5, "c")
    unmerge(merge=merge, by=None)
    assert Membership.objects.get(pk=lei.pk).points == 5
    assert Membership.objects.get(pk=mei.pk).points == 20
    assert Membership.objects.get(pk=mei.pk).number == "VIP1"


def test_the_note_of_who_went_is_not_lost(lei, mei):
    Customer.objects.filter(pk=lei.pk).update(note="calls in the morning")
    Customer.objects.filter(pk=mei.pk).update(note="allergic to wool")
    merge = merged(lei, mei)
    assert CustomerNote.objects.get().text == "allergic to wool"
    unmerge(merge=merge, by=None)
    assert not CustomerNote.objects.exists()


def test_merging_says_who_and_asks_for_a_look_at_both(lei, mei, django_capture_on_commit_callbacks):
    owner = make_user("owner")
    make_facts(lei, book="CNY")
    make_facts(mei, book="USD")
    with django_capture_on_commit_callbacks(execute=True):
        merge_customers(kept=lei, gone=mei, by=owner, reason="same address")
    assert AuditEvent.objects.get(action="customer.merge").actor == owner
    assert Job.objects.get(kind="analysis").params == {"only": "changed"}
    assert not CustomerFacts.objects.filter(pk=mei.pk).exists()


def test_what_cannot_be_merged_is_refused_in_words(lei, mei):
    with pytest.raises(BadInput, match="two different"):
        merged(lei, lei)
    with pytest.raises(BadInput, match="invented"):
        merged(lei, make_customer("demo", is_demo=True))
    merged(lei, mei)
    with pytest.raises(WrongState, match="part of another"):
        merged(make_customer("Zoe"), mei)


# --- taking apart -----------------------------------------------------------------------------------------------------


def test_what_came_since_stays_but_for_what_belongs_to_something_that_goes_back(lei, mei):
    shop = make_shop("jd")
    hers = make_purchase(mei, shop, "2026-03-01")
    merge = merged(lei, mei)
    new = make_purchase(lei, shop, "2026-04-01")
    given = {"shop": shop, "amount": Decimal(5), "refunded_at": NOON, "refunded_on": NOON.date()}
    refund = Refund.objects.create(external_id="R1", customer=lei, order=hers, **given)
    other = Refund.objects.create(external_id="R2", customer=lei, order=new, **given)
    unmerge(merge=merge, by=None)
    for row in (hers, new, refund, other):
        row.refresh_from_db()
    assert [row.customer for row in (hers, refund, new, other)] == [mei, mei, lei, lei]


def test_a_row_that_referred_to_the_others_order_before_stays_where_it_was(lei, mei):
    order = make_purchase(mei, make_shop("jd"), "2026-03-01")
    odd = make_touchpoint(lei, "odd", order=order)
    before = export_person(lei)
    unmerge(merge=merged(lei, mei), by=None)
    odd.refresh_from_db()
    assert odd.customer == lei
    refresh_reach()
    assert export_person(lei) == {**before, "customers.customerfacts": export_person(lei)["customers.customerfacts"]}


def test_a_phone_written_since_stays(lei, mei):
    merge = merged(mei, lei)
    mei.refresh_from_db()
    assert mei.phone == "+8613800138000"
    edit_customer(customer=mei, phone="+8613900139000")
    unmerge(merge=merge, by=None)
    mei.refresh_from_db()
    assert (mei.phone, mei.name) == ("+8613900139000", "")


def test_a_refusal_said_since_counts_for_both(lei, mei):
    make_consent(mei, "email")
    merge = merged(lei, mei)
    record_consent(customer=Customer.objects.get(pk=lei.pk), channel="email", granted=False, source="phone call")
    unmerge(merge=merge, by=None)
    assert refusal(customer_id=mei.pk, channel="email") == "no_consent"
    assert lei.consents.get().source == "phone call"


def test_they_are_not_proposed_again_after_undoing(lei, mei):
    zoe = make_customer("Zoe")
    pair = DuplicatePair.objects.create(first=lei, second=mei, reasons=["nick"])
    DuplicatePair.objects.create(first=mei, second=zoe, reasons=["address"])
    merge = merged(lei, mei)
    pair.refresh_from_db()
    assert pair.state == "merged"
    assert DuplicatePair.objects.filter(first=lei, second=zoe, state="open").exists()
    unmerge(merge=merge, by=None)
    pair.refresh_from_db()
    assert pair.state == "different"
    assert not DuplicatePair.objects.filter(first=lei, second=zoe).exists()


def test_a_later_merge_is_undone_first(lei, mei):
    zoe = make_customer("Zoe")
    first, second = merged(mei, zoe), merged(lei, mei)
    zoe.refresh_from_db()
    assert zoe.merged_into == lei
    with pytest.raises(WrongState, match=f"No. {mei.pk} into No. {lei.pk}"):
        unmerge(merge=first, by=None)
    unmerge(merge=second, by=None)
    zoe.refresh_from_db()
    assert zoe.merged_into == mei
    unmerge(merge=first, by=None)
    with pytest.raises(WrongState, match="already"):
        unmerge(merge=first, by=None)
    assert not Customer.objects.filter(merged_into__isnull=False).exists()


def test_every_table_with_a_customer_is_found():
    """A new table moves by itself; one whose rows must not move says so, and is named here."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT conrelid::regclass::text FROM pg_constraint
               WHERE contype = 'f' AND confrelid = 'customers_customer'::regclass"""
        )
        held = {row[0] for row in cursor.fetchall()}
    apart = {"customers_customer", "customers_customerfacts", "customers_customermerge", "customers_duplicatepair"}
    found = {table.name.strip('"') for table in moving.tables()}
    assert held - found == apart
    assert not found & {"segmentation_labelchange", "segmentation_customervalue"}  # found anew by each run
    assert {"orders_order", "touchpoints_touchpoint", "campaigns_message"} <= found
