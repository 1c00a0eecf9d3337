"""Words on customers: by hand, by import, by rule; and what is written about them."""

import pytest
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from crm_suite.lib.errors import BadInput, WrongState
from customers import tagging
from customers.models import CustomerFacts, CustomerTag, Tag
from segmentation import previews, rules, selectors, services, tagging as tag_rules
from segmentation.models import TagRule
from tests.builders import (
    make_community_member,
    make_customer,
    make_facts,
    make_points,
    make_segment,
    make_shop,
    make_tag,
    make_tier,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei():
    mei = make_customer("Han Mei")
    make_facts(mei, orders=4, stage="active")
    return mei


@pytest.fixture
def li():
    li = make_customer("Li Lei")
    make_facts(li, orders=1, stage="lost")
    return li


def tags(customer):
    return dict(customer.tags.values_list("tag__name", "source"))


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_word_is_put_on_and_taken_off_by_name(mei, li):
    operator = make_user("operator")
    assert tagging.add_tags(customer=mei, names=["  VIP ", "likes  tea", "VIP"], by=operator) == ["VIP", "likes tea"]
    assert tagging.add_tags(customer=mei, names=["VIP"]) == []
    assert tags(mei) == {"VIP": "hand", "likes tea": "hand"}
    assert tags(li) == {}
    tagging.remove_tag(customer=mei, tag=Tag.objects.get(name="VIP"), by=operator)
    tagging.remove_tag(customer=li, tag=Tag.objects.get(name="VIP"))
    assert tags(mei) == {"likes tea": "hand"}
    assert AuditEvent.objects.filter(action="customer.tag", actor=operator).count() == 2


def test_no_word_and_too_many_words_are_refused(mei):
    with pytest.raises(BadInput):
        tagging.add_tags(customer=mei, names=[" ", "\x00"])
    tagging.add_tags(customer=mei, names=[f"tag {number}" for number in range(100)])
    with pytest.raises(BadInput):
        tagging.add_tags(customer=mei, names=["one more"])
    assert len(tags(mei)) == 100


def test_one_word_on_everybody_of_a_list(mei, li):
    people = CustomerFacts.objects.filter(stage="active")
    assert tagging.tag_everybody(people=people, name="Spring") == 1
    assert (tags(mei), tags(li)) == ({"Spring": "hand"}, {})


def test_a_tag_is_renamed_but_not_into_another(mei):
    vip, tea = make_tag("VIP"), make_tag("Tea")
    tagging.add_tags(customer=mei, names=["VIP"])
    tagging.save_tag(tag=vip, name="Very important")
    assert tags(mei) == {"Very important": "hand"}
    with pytest.raises(BadInput):
        tagging.save_tag(tag=tea, name="Very important")
    assert set(Tag.objects.values_list("name", flat=True)) == {"Very important", "Tea"}


def test_a_deleted_tag_is_on_nobody_any_more(mei, li):
    for customer in (mei, li):
        tagging.add_tags(customer=customer, names=["VIP", "Tea"])
    assert tagging.delete_tag(tag=Tag.objects.get(name="VIP")) == 2
    assert tags(mei) == tags(li) == {"Tea": "hand"}


# --- by import --------------------------------------------------------------------------------------------------------


def test_an_import_puts_its_words_on_and_says_which_are_new(mei, li):
    tagging.add_tags(customer=mei, names=["VIP"])
    given = {mei.pk: ["VIP", "Tea", " "], li.pk: ["Tea", "Tea"]}
    assert tagging.tag_by_import(tags=given, import_id=7) == 2
    assert tagging.tag_by_import(tags=given, import_id=8) == 0
    assert tags(mei) == {"VIP": "hand", "Tea": "import"}
    assert set(CustomerTag.objects.filter(tag__name="Tea").values_list("import_id", flat=True)) == {7}
    assert tagging.tag_by_import(tags={}, import_id=9) == 0


# --- by rule ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def active(mei, li):
    return make_segment("Active ones", rule={"field": "stage", "op": "in", "value": ["active"]})


def test_a_rule_puts_a_tag_on_its_segment_and_takes_it_off_who_left(mei, li, active):
    rule = tag_rules.save_tag_rule(tag=make_tag("Regular"), segment=active)
    assert (tags(mei), tags(li)) == ({"Regular": "rule"}, {})
    CustomerFacts.objects.filter(pk=mei.pk).update(stage="lost")
    CustomerFacts.objects.filter(pk=li.pk).update(stage="active")
    assert tag_rules.apply_rules() == 1
    assert (tags(mei), tags(li)) == ({}, {"Regular": "rule"})
    rule.refresh_from_db()
    assert rule.size == 1 and rule.applied_at


def test_a_rule_leaves_hands_and_imports_alone(mei, li, active):
    tagging.add_tags(customer=li, names=["Regular"])
    tagging.tag_by_import(tags={mei.pk: ["Regular"]}, import_id=7)
    rule = tag_rules.save_tag_rule(tag=Tag.objects.get(name="Regular"), segment=active)
    assert (tags(mei), tags(li)) == ({"Regular": "import"}, {"Regular": "hand"})
    CustomerFacts.objects.update(stage="lost")
    tag_rules.apply_rules()
    assert tag_rules.delete_tag_rule(rule=rule) == 0
    assert (tags(mei), tags(li)) == ({"Regular": "import"}, {"Regular": "hand"})


def test_what_a_rule_put_on_is_not_taken_off_by_hand_but_may_be_kept_by_hand(mei, active):
    tag = make_tag("Regular")
    rule = tag_rules.save_tag_rule(tag=tag, segment=active)
    with pytest.raises(WrongState):
        tagging.remove_tag(customer=mei, tag=tag)
    tagging.add_tags(customer=mei, names=["Regular"])
    assert tag_rules.delete_tag_rule(rule=rule) == 0
    assert tags(mei) == {"Regular": "hand"}


def test_a_rule_that_is_let_go_takes_its_tags_along(mei, active):
    rule = tag_rules.save_tag_rule(tag=make_tag("Regular"), segment=active)
    assert tag_rules.delete_tag_rule(rule=rule) == 1
    assert tags(mei) == {}
    assert not TagRule.objects.exists()


def test_an_analysis_brings_tags_up_to_date(mei, li, active):
    tag_rules.save_tag_rule(tag=make_tag("Regular"), segment=active)
    CustomerFacts.objects.filter(pk=li.pk).update(stage="active")
    services.refresh()
    assert tags(li) == {"Regular": "rule"}


def test_rules_do_not_feed_each_other(mei, active):
    tag, other = make_tag("Regular"), make_tag("Other")
    tag_rules.save_tag_rule(tag=tag, segment=active)
    without = make_segment("Without", rule={"field": "tag", "op": "not_in", "value": [str(tag.pk)]})
    own = make_segment("Own", rule={"field": "tag", "op": "in", "value": [str(other.pk)]})
    for segment in (without, own):
        with pytest.raises(BadInput):
            tag_rules.save_tag_rule(tag=other, segment=segment)
    archived = make_segment("Old", archived_at="2026-01-01T00:00Z")
    with pytest.raises(WrongState):
        tag_rules.save_tag_rule(tag=other, segment=archived)
    assert TagRule.objects.count() == 1


def test_a_rule_whose_segment_asks_for_it_later_stands_still(mei, li, active):
    tag = make_tag("Regular")
    tag_rules.save_tag_rule(tag=tag, segment=active)
    services.save_segment(segment=active, name="x", rule={"field": "tag", "op": "not_in", "value": [str(tag.pk)]})
    tag_rules.apply_rules()
    assert (tags(mei), tags(li)) == ({"Regular": "rule"}, {})
    assert TagRule.objects.get().size is None


# --- segments that ask for them ---------------------------------------------------------------------------------------


def found(field, op, value):
    rule = {"field": field, "op": op, "value": value}
    return set(selectors.members(rule=rule, book="").values_list("customer__name", flat=True))


def test_segments_ask_for_tags_without_counting_anybody_twice(mei, li):
    tagging.add_tags(customer=mei, names=["VIP", "Tea"])
    both = [str(tag.pk) for tag in Tag.objects.all()]
    assert found("tag", "in", both) == {"Han Mei"}
    assert found("tag", "not_in", both) == {"Li Lei"}
    preview = previews.preview(rule={"field": "tag", "op": "in", "value": both}, book="")
    assert (preview.total, preview.everybody) == (1, 2)


def test_segments_ask_for_tier_points_and_community(mei, li):
    gold = make_tier("CNY", 2, name="Gold", min_orders=1)
    make_points(mei, 120)
    mei.membership.tier = gold
    mei.membership.save(update_fields=["tier"])
    present = make_community_member("Tea lovers", mei)
    left = make_community_member("Tea lovers", li, left_on="2026-05-01")
    assert found("tier", "in", [str(gold.pk)]) == {"Han Mei"}
    assert found("tier", "not_in", [str(gold.pk)]) == {"Li Lei"}
    assert found("points", "gte", 100) == {"Han Mei"}
    assert found("points", "lte", 100) == set()
    assert present.community == left.community
    assert found("community", "in", [str(present.community.pk)]) == {"Han Mei"}
    everybody = {"all": [{"field": name, "op": "in", "value": [str(gold.pk)]} for name in ("tier",)]}
    assert previews.preview(rule=everybody, book="").total == 1
    why = previews.sample(people=CustomerFacts.objects.filter(pk=mei.pk), rule=everybody)[0].why
    assert why == ["Tier: Gold"]


def test_a_deleted_tag_in_a_rule_is_said_and_is_nobodys(mei):
    tag = make_tag("VIP")
    rule = {"field": "tag", "op": "in", "value": [str(tag.pk)]}
    assert rules.describe(rule) == "Tag is one of VIP"
    tag.delete()
    assert rules.describe(rule) == "Tag is one of (deleted)"
    assert found("tag", "in", rule["value"]) == set()


@pytest.mark.parametrize("value", [["VIP"], [3], ["-1"], ["9" * 30], [], "3"])
def test_a_rule_names_tags_by_number(value):
    with pytest.raises(rules.BadRule):
        rules.parse({"field": "tag", "op": "in", "value": value})


# --- pages ------------------------------------------------------------------------------------------------------------


def post(client, page, /, *args, role="operator", **data):
    client.force_login(make_user(role))
    return client.post(reverse(page, args=args), data)


def text(client, name, *args, role="operator", **query):
    client.force_login(make_user(role))
    return client.get(reverse(name, args=args), query).content.decode()


def test_an_agent_tags_on_the_customers_page(client, mei):
    shown = post(client, "customers:tags_add", mei.pk, role="agent", names="VIP，likes tea").content.decode()
    assert "VIP" in shown and "likes tea" in shown
    assert tags(mei) == {"VIP": "hand", "likes tea": "hand"}
    post(client, "customers:tags_remove", mei.pk, Tag.objects.get(name="VIP").pk, role="agent")
    assert tags(mei) == {"likes tea": "hand"}
    assert "Write a word" in post(client, "customers:tags_add", mei.pk, role="agent", names=" , ").content.decode()


def test_analysts_do_not_tag(client, mei):
    assert post(client, "customers:tags_add", mei.pk, role="analyst", names="VIP").status_code == 403
    assert tags(mei) == {}


def test_the_list_of_tags_counts_carriers_and_leads_to_them(client, mei, li):
    make_shop("tmall")
    tagging.add_tags(customer=mei, names=["VIP"])
    vip = Tag.objects.get()
    assert "VIP" in text(client, "customers:tags")
    listed = client.get(reverse("customers:tag_export"))
    assert "VIP,,1,0,0" in b"".join(listed.streaming_content).decode()
    carriers = text(client, "customers:list", tag=vip.pk)
    assert "Han Mei" in carriers and "Li Lei" not in carriers


def test_tags_are_made_renamed_and_deleted_on_their_page(client, mei):
    post(client, "customers:tag_new", name="VIP", description="Buys often")
    vip = Tag.objects.get()
    post(client, "customers:tag_edit", vip.pk, name="Regular", description="")
    assert Tag.objects.get().name == "Regular"
    post(client, "customers:tag_delete", vip.pk)
    assert not Tag.objects.exists()


def test_a_tag_is_told_to_follow_a_segment_and_let_go(client, mei, active):
    tag = make_tag("Regular")
    post(client, "segments:tag_rule_save", tag=tag.pk, segment=active.pk)
    assert tags(mei) == {"Regular": "rule"}
    assert "Active ones" in text(client, "segments:tag_rules")
    post(client, "segments:tag_rule_delete", tag.pk)
    assert tags(mei) == {}


def test_everybody_of_a_segment_is_tagged_at_once(client, mei, li, active):
    post(client, "segments:tag_members", active.pk, name="Spring")
    assert (tags(mei), tags(li)) == ({"Spring": "hand"}, {})


def test_a_note_is_added_with_its_author_and_never_rewritten(client, mei):
    for words in ("Prefers <b>tea</b>", "No: coffee"):
        post(client, "customers:note_add", mei.pk, role="agent", text=words)
    shown = text(client, "customers:notes_panel", mei.pk)
    assert shown.index("No: coffee") < shown.index("Prefers &lt;b&gt;tea")
    assert mei.notes.filter(written_by__isnull=False).count() == 2
    assert post(client, "customers:note_add", mei.pk, role="analyst", text="x").status_code == 403


def test_who_may_not_write_notes_reads_none(client, mei):
    """An analyst sees no personal data in clear, neither in the panel nor on the pin nor over the API."""
    mei.note = "Call after six"
    mei.save()
    mei.notes.create(text="Prefers tea")
    client.force_login(make_user("analyst"))
    page = client.get(reverse("customers:detail", args=[mei.pk])).content.decode()
    assert "Call after six" not in page and reverse("customers:notes_panel", args=[mei.pk]) not in page
    assert client.get(reverse("customers:notes_panel", args=[mei.pk])).status_code == 403
    assert client.get(f"/api/v1/customers/{mei.pk}/notes").status_code == 403


def test_a_specialist_reads_notes_on_the_page_and_over_the_api(client, mei):
    mei.notes.create(text="Prefers tea")
    client.force_login(make_user("specialist"))
    assert "Prefers tea" in client.get(reverse("customers:notes_panel", args=[mei.pk])).content.decode()
    assert [note["text"] for note in client.get(f"/api/v1/customers/{mei.pk}/notes").json()] == ["Prefers tea"]


@pytest.mark.parametrize("words", [" ", "x" * 5_001])
def test_an_empty_and_an_endless_note_are_refused(client, mei, words):
    post(client, "customers:note_add", mei.pk, text=words)
    assert not mei.notes.exists()


def test_the_pinned_note_stays_in_sight(client, mei):
    mei.note = "Call after six"
    mei.save()
    assert "Call after six" in text(client, "customers:detail", mei.pk)
