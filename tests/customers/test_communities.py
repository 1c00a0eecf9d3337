"""Communities: who is found in a pasted list, who joins, leaves and comes back; and the pages of all that."""

from datetime import date

import pytest
from django.urls import reverse

from crm_suite.lib.errors import BadInput
from customers import communities
from customers.models import Community, CommunityMember
from tests.builders import (
    make_community_member,
    make_customer,
    make_identity,
    make_shop,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mei():
    return make_customer("Han Mei", phone="+8613800138000", email="Mei@example.com")


@pytest.fixture
def li():
    li = make_customer("Li Lei")
    make_identity(li, "lilei88")
    return li


@pytest.fixture
def tea():
    return Community.objects.create(name="Tea lovers")


def found(*lines):
    return [
        (match.line, match.customer and match.customer.name, match.problem) for match in communities.match_lines(lines)
    ]


def test_a_list_is_matched_by_phone_email_nick_and_number(mei, li):
    assert found("138 0013 8000", "mei@EXAMPLE.com", " lilei88 ", f"#{li.pk}", f"No. {mei.pk}") == [
        ("138 0013 8000", "Han Mei", ""), ("mei@EXAMPLE.com", "Han Mei", ""), ("lilei88", "Li Lei", ""),
        (f"#{li.pk}", "Li Lei", ""), (f"No. {mei.pk}", "Han Mei", ""),
    ]  # fmt: skip


def test_nobody_is_guessed(mei, li):
    make_identity(make_customer("Another"), "lilei88", scope="jd")
    make_customer("Gone", phone="+8613900139000", merged_into=mei)
    assert found("Han Mei", "138****8000", "lilei88", "13900139000", "#99999999", "", "\x00") == [
        ("Han Mei", None, "unknown"), ("138****8000", None, "unknown"), ("lilei88", None, "several"),
        ("13900139000", None, "unknown"), ("#99999999", None, "unknown"),
    ]  # fmt: skip


def test_a_long_list_costs_as_many_questions_as_a_short_one(mei, li, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        assert len(communities.match_lines(f"1380013{number:04d}" for number in range(2_000))) == 2_000
    with pytest.raises(BadInput):
        communities.match_lines(str(number) for number in range(2_001))


def members(community):
    rows = community.members.order_by("customer__name")
    return list(rows.values_list("customer__name", "since", "source", "left_on"))


def test_who_joins_leaves_and_comes_back(mei, li, tea):
    first, second = date(2026, 1, 1), date(2026, 3, 1)
    assert communities.add_members(community=tea, customer_ids=[mei.pk, li.pk], since=first, source="Parcel") == 2
    assert communities.add_members(community=tea, customer_ids=[mei.pk], since=second) == 0
    communities.record_leaving(member=tea.members.get(customer=li), on=date(2026, 2, 1))
    assert members(tea) == [("Han Mei", first, "Parcel", None), ("Li Lei", first, "Parcel", date(2026, 2, 1))]
    assert communities.add_members(community=tea, customer_ids=[li.pk], since=second, source="Live") == 1
    assert members(tea)[1] == ("Li Lei", second, "Live", None)


def test_nobody_leaves_before_joining(mei):
    member = make_community_member("Tea lovers", mei)
    with pytest.raises(BadInput):
        communities.record_leaving(member=member, on=date(2025, 12, 31))
    assert CommunityMember.objects.get().left_on is None


def test_a_community_has_a_name_of_its_own_within_its_kind(tea):
    with pytest.raises(BadInput):
        communities.save_community(community=Community(name="Tea lovers"))
    communities.save_community(community=Community(name="Tea lovers", kind="qq"))
    assert Community.objects.count() == 2


def test_counts_tell_who_is_there_from_who_left(mei, li, tea):
    make_community_member("Tea lovers", mei)
    make_community_member("Tea lovers", li, left_on=date(2026, 2, 1))
    counted = communities.communities().values("present", "gone")  # type: ignore[misc]
    assert counted.get() == {"present": 1, "gone": 1}


# --- pages ------------------------------------------------------------------------------------------------------------


def post(client, page, /, *args, role="specialist", **data):
    client.force_login(make_user(role))
    return client.post(reverse(f"customers:{page}", args=args), data)


def text(client, name, *args, role="specialist", **query):
    client.force_login(make_user(role))
    return client.get(reverse(f"customers:{name}", args=args), query).content.decode()


def test_a_pasted_list_is_shown_before_it_is_added(client, mei, li, tea):
    lines = "13800138000\nlilei88\nHan Mei"
    given = {"lines": lines, "since": "2026-02-01", "source": "Parcel"}
    shown = post(client, "community_add", tea.pk, **given).content.decode()
    assert "2 customers found" in shown and "1 line not found" in shown
    assert not tea.members.exists()
    post(client, "community_add", tea.pk, add="1", **given)
    assert members(tea) == [("Han Mei", date(2026, 2, 1), "Parcel", None), ("Li Lei", date(2026, 2, 1), "Parcel", None)]


def test_the_page_of_a_community_tells_members_from_those_who_left(client, mei, li):
    make_shop("tmall")
    tea = make_community_member("Tea lovers", mei).community
    make_community_member("Tea lovers", li, left_on=date(2026, 2, 1))
    assert "Han Mei" in (here := text(client, "community", tea.pk)) and "Li Lei" not in here
    assert "Li Lei" in (gone := text(client, "community", tea.pk, left="1")) and "Han Mei" not in gone
    assert "Tea lovers" in text(client, "communities")
    client.force_login(make_user("analyst"))
    listed = client.get(reverse("customers:community_list_export"))
    assert "Tea lovers,WeChat group,,,1,1" in b"".join(listed.streaming_content).decode()
    assert "13800138000" not in here


def test_an_export_masks_names_but_for_owners(client, mei):
    tea = make_community_member("Tea lovers", mei).community

    def export(role):
        client.force_login(make_user(role))
        response = client.get(reverse("customers:community_export", args=[tea.pk]))
        return b"".join(response.streaming_content).decode()

    assert "Han Mei" in export("owner")
    assert "Han Mei" not in export("analyst")


def test_a_customer_joins_and_leaves_on_their_page(client, mei, tea):
    make_shop("tmall")
    shown = post(client, "community_join", mei.pk, community=tea.pk, source="Live").content.decode()
    assert "Tea lovers" in shown and "Live" in shown
    member = tea.members.get()
    client.post(reverse("customers:member_left", args=[member.pk]), headers={"HX-Request": "true"})
    member.refresh_from_db()
    assert member.left_on
    assert "left on" in text(client, "communities_panel", mei.pk, role="agent")


def test_agents_look_but_do_not_touch(client, mei, tea):
    assert post(client, "community_join", mei.pk, role="agent", community=tea.pk).status_code == 403
    assert not tea.members.exists()


def test_communities_are_added_changed_and_deleted(client, tea):
    post(client, "community_new", kind="qq", name="Club", external_id="123", owner="Zhou")
    club = Community.objects.get(kind="qq")
    again = post(client, "community_edit", club.pk, kind="wechat", name="Tea lovers")
    assert "already exists" in again.content.decode()
    twin = post(client, "community_new", kind="qq", name="Twin", external_id="123")
    assert "Another group of this kind has this number" in twin.content.decode()
    post(client, "community_edit", club.pk, kind="qq", name="Club 2")
    assert Community.objects.get(pk=club.pk).name == "Club 2"
    post(client, "community_delete", club.pk)
    assert list(Community.objects.all()) == [tea]
