"""How much hangs on one platform, and whom the store would still reach without it."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.http import QueryDict
from django.urls import reverse

from crm_suite.access.models import AuditEvent
from customers.books import book_of
from customers.models import Platform
from orders import platforms, reachability
from segmentation import selectors
from tests.builders import (
    make_community_member,
    make_customer,
    make_facts,
    make_identity,
    make_line,
    make_product,
    make_purchase,
    make_shop,
    make_user,
)

pytestmark = pytest.mark.django_db

END = date(2026, 3, 31)


@pytest.fixture(autouse=True)
def spring():
    with time_machine.travel("2026-03-31T12:00Z"):
        yield


@pytest.fixture
def tmall():
    return make_shop("tmall", platform=Platform.TMALL)


@pytest.fixture
def jd():
    return make_shop("jd", platform=Platform.JD)


def book() -> Any:
    return book_of("CNY")


# --- dependence -------------------------------------------------------------------------------------------------------


@pytest.fixture
def found(tmall, jd) -> platforms.Dependence:
    """Ann buys on both, Bob on Tmall only; last year's and other currencies' orders must not count."""
    ann, bob = make_customer("Ann"), make_customer("Bob")
    tea = make_product(tmall, "tea", cost=Decimal(30))
    make_line(make_purchase(ann, tmall, "2026-03-01", paid="60"), tea, "60")
    make_purchase(bob, tmall, "2025-04-01", paid="20")
    make_purchase(ann, jd, "2026-03-02", paid="15")
    make_purchase(None, jd, "2026-03-03", paid="5")
    make_purchase(make_customer("Long ago"), jd, "2025-03-31", paid="500")
    make_purchase(make_customer("Gone"), jd, "2026-03-04", paid="70", refunded_amount=Decimal(70))
    make_purchase(make_customer("Euro"), make_shop("de", currency="EUR", platform=Platform.AMAZON), "2026-03-04")
    return platforms.dependence(book(), END)


def test_shares_are_of_active_customers_of_revenue_and_of_margin(found):
    on_tmall, on_jd = found.platforms
    assert (found.active, found.revenue) == (2, 100)
    assert (on_tmall.platform, on_tmall.customers, on_tmall.only_here) == ("tmall", 2, 1)
    assert (on_tmall.customer_share, on_tmall.revenue_share) == (1, 0.8)
    assert (on_tmall.margin, on_tmall.margin_share, on_tmall.margin_coverage) == (30, 1, 1)
    assert (on_jd.customers, on_jd.only_here, on_jd.orders, on_jd.revenue_share) == (1, 0, 2, 0.2)
    assert on_jd.margin is None


def test_concentration_is_one_for_a_single_platform_and_a_half_for_two_equal_ones(found):
    assert found.concentration == pytest.approx(0.8**2 + 0.2**2)
    assert found.equal_platforms == pytest.approx(1 / 0.68)
    for amounts, index in (([5], 1), ([5, 5], 0.5), ([1, 1, 1, 1], 0.25), ([5, -3], 1), ([0], None), ([], None)):
        assert platforms.concentration([Decimal(amount) for amount in amounts]) == index


def sold(weeks: dict[int, dict[str, int]], *, orders: int = 10) -> dict[tuple[int, str], tuple[Decimal, int]]:
    """Net amounts by weeks ago and platform, with so many paid orders each."""
    return {(ago, name): (Decimal(net), orders) for ago, row in weeks.items() for name, net in row.items()}


@pytest.mark.parametrize(
    ("now", "alerts"), [({"jd": 50, "tmall": 50}, []), ({"jd": 55, "tmall": 45}, []), ({"jd": 56, "tmall": 44}, ["jd"])]
)
def test_a_rise_of_more_than_five_points_in_four_weeks_is_an_alert(now, alerts):
    before = {"jd": 50, "tmall": 50}
    trend = platforms.trend(sold({ago: now if ago < 4 else before for ago in range(12)}), END)
    assert [rise.platform for rise in trend.alerts] == alerts
    assert trend.shares["jd"][0] == 0.5 and trend.shares["jd"][-1] == now["jd"] / 100


def test_a_few_orders_make_no_trend():
    weeks = {ago: {"jd": 90 if ago < 4 else 10, "tmall": 50} for ago in range(8)}
    assert platforms.trend(sold(weeks, orders=4), END).alerts
    assert platforms.trend(sold(weeks, orders=3), END).changes == []


def test_weeks_end_on_the_last_day(tmall):
    for ago in (0, 6, 7, 83, 84):
        make_purchase(None, tmall, str(END - timedelta(days=ago)))
    trend = platforms.dependence(book(), END).trend
    assert (trend.weeks[0], trend.weeks[-1]) == (date(2026, 1, 7), date(2026, 3, 25))
    assert (trend.orders[0], trend.orders[-2], trend.orders[-1], sum(trend.orders)) == (1, 1, 2, 4)


# --- reachability -----------------------------------------------------------------------------------------------------


@pytest.fixture
def people(tmall, jd) -> dict[str, Any]:
    """Customers of Tmall, named by how they could be reached without it; those of other stores must not count."""
    named: dict[str, Any] = {}
    stories: dict[str, dict[str, Any]] = {
        "by sms": {"sms_ok": True},
        "by mail and on JD": {"email_ok": True, "platforms": ["jd", "tmall"]},
        "on JD too": {"platforms": ["jd", "tmall"]},
        "in a group": {},
        "left the group": {},
        "known to JD": {},
        "known to Tmall twice": {},
        "lost": {},
    }
    for name, facts in stories.items():
        named[name] = make_customer(name)
        make_facts(named[name], **{"platforms": ["tmall"], "net_amount": 10, **facts})
    make_community_member("Tea friends", named["in a group"])
    make_community_member("Tea friends", named["left the group"], left_on=date(2026, 2, 1))
    make_identity(named["known to JD"], "nick", scope="jd")
    make_identity(named["known to Tmall twice"], "nick", scope="tmall")
    make_facts(make_customer("Euro"), book="EUR", platforms=["tmall"])
    make_facts(make_customer("Merged", merged_into=named["lost"]), platforms=["tmall"])
    make_facts(make_customer("Never bought"))
    return named


def test_everybody_is_reached_without_platforms_or_on_another_one_or_lost(people):
    on_tmall, on_jd = reachability.reachability(book())
    assert (on_tmall.platform, on_tmall.customers) == ("tmall", 8)
    assert (on_tmall.sms, on_tmall.email, on_tmall.community, on_tmall.elsewhere) == (1, 1, 1, 3)
    assert (on_tmall.own, on_tmall.other, on_tmall.lost) == (3, 2, 3)
    assert (on_jd.customers, on_jd.own, on_jd.other, on_jd.lost) == (2, 1, 1, 0)


@pytest.mark.parametrize(
    ("way", "names"),
    [
        ("own", {"by sms", "by mail and on JD", "in a group"}),
        ("other", {"on JD too", "known to JD"}),
        ("lost", {"left the group", "known to Tmall twice", "lost"}),
    ],
)
def test_the_people_behind_a_figure_are_those_that_it_counts(people, way, names):
    found = reachability.people_behind(book(), platform="tmall", way=way)
    assert {facts.customer.name for facts in found} == names


def test_a_buyer_known_across_shops_of_one_platform_is_known_to_that_platform(tmall, people):
    make_shop("outlet", platform=Platform.TMALL, buyer_scope="tmall-all")
    make_identity(people["lost"], "nick", scope="tmall-all")
    assert reachability.reachability(book())[0].lost == 3


# --- the pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def analyst(client):
    client.force_login(make_user("analyst"))
    return client


def test_the_page_says_in_words_how_concentrated_revenue_is(analyst, found):
    text = analyst.get(reverse("orders:platform_figures"), {"book": "CNY"}).content.decode()
    for word in ("0.68", "one platform carries most", "80.0%", "Too few orders"):
        assert word in text
    assert "Amazon" not in text


def test_the_panel_says_who_would_be_lost_and_links_to_them(analyst, people):
    text = analyst.get(reverse("orders:reach_panel"), {"book": "CNY"}).content.decode()
    assert "If Tmall closed tomorrow, 3 customers (37.5%) would be lost" in text
    where = reverse("orders:platform_people", args=["tmall"])
    assert f"{where}?book=CNY&amp;way=lost" in text
    page = analyst.get(where, {"book": "CNY", "way": "lost"})
    assert {facts.customer.name for facts in page.context["listing"]} == {
        "left the group",
        "known to Tmall twice",
        "lost",
    }
    assert analyst.get(reverse("orders:platform_people", args=["nowhere"]), {"book": "CNY"}).status_code == 404


def test_a_segment_of_the_lost_is_one_click_away(client, people):
    client.force_login(make_user("specialist"))
    page = client.get(reverse("orders:platform_people", args=["tmall"]), {"book": "CNY", "way": "lost"})
    url = page.context["segment_url"]
    assert client.get(url).status_code == 200
    rule = json.loads(QueryDict(urlsplit(url).query)["rule"])
    members = {facts.customer.name for facts in selectors.members(rule=rule, book="CNY")}
    # A rule cannot ask about IDs: who is known to JD by one only is among them. Facts of somebody who was merged live
    # until the next analysis.
    assert members - {"Merged"} == {"left the group", "known to Tmall twice", "lost", "known to JD"}


def test_their_export_is_masked_and_recorded(analyst, people):
    people["lost"].phone = "+8613800138000"
    people["lost"].save()
    response = analyst.get(reverse("orders:platform_people_export", args=["tmall"]), {"book": "CNY", "way": "lost"})
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    assert text.count("\n") == 4 and "138****8000" in text and "13800138000" not in text
    assert AuditEvent.objects.get(action="customer.export").changes["way"] == "lost"


def test_an_agent_sees_neither_sales_nor_platforms(client):
    client.force_login(make_user("agent"))
    for name in ("sales", "sales_figures", "sales_export", "platforms", "platform_figures", "reach_panel"):
        assert client.get(reverse(f"orders:{name}")).status_code == 403
