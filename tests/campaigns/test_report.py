"""Who counts in which figure of a campaign, and who does not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from campaigns.launch import preflight
from campaigns.models import Campaign, Message
from campaigns.results.reporting import report, reports
from campaigns.results.uplift import Verdict
from campaigns.views.report import arms_chart, report_rows
from customers.models import Customer, Shop
from tests.builders import make_campaign, make_customer, make_message, make_purchase, make_response, make_shop

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 2, 2, tzinfo=UTC)  # ten in the morning in Shanghai


@pytest.fixture
def shop() -> Shop:
    return make_shop("tmall")


@pytest.fixture
def campaign(shop: Shop) -> Campaign:
    """Sent on 2 March at ten, window of seven days: until 9 March, ten o'clock."""
    return make_campaign(
        shop, state="finished", started_at=START, finished_at=START + timedelta(minutes=5), unit_price=Decimal("0.05")
    )


def written_to(campaign: Campaign, name: str = "", **fields: Any) -> Message:
    return make_message(campaign, make_customer(name), **fields)


def held_out(campaign: Campaign, name: str = "", **fields: Any) -> Message:
    return make_message(campaign, make_customer(name), "held_out", **fields)


def bought(customer: Customer, shop: Shop, day: str, **fields: Any) -> None:
    make_purchase(customer, shop, day, **fields)


def test_an_order_in_the_window_is_an_answer_in_both_arms_and_a_later_one_is_not(
    campaign: Campaign, shop: Shop
) -> None:
    buyer, late = written_to(campaign, "Li"), written_to(campaign, "Late")
    waiting = held_out(campaign, "Wang")
    held_out(campaign, "Nobody")
    bought(buyer.customer, shop, "2026-03-08")
    bought(late.customer, shop, "2026-03-10")
    bought(waiting.customer, shop, "2026-03-04")

    found = report(campaign=campaign)

    assert (found.orders.treated.hits, found.orders.treated.n) == (1, 2)
    assert (found.orders.holdout.hits, found.orders.holdout.n) == (1, 2)
    assert (found.response.hits, found.response.n) == (1, 2)


def test_orders_before_the_start_unpaid_refunded_or_of_another_book_do_not_count(
    campaign: Campaign, shop: Shop
) -> None:
    message = written_to(campaign)
    bought(message.customer, shop, "2026-03-01")
    bought(message.customer, shop, "2026-03-03", refunded_amount=Decimal(100))
    bought(message.customer, shop, "2026-03-03", paid_at=None, paid_on=None, paid_amount=Decimal(0))
    bought(message.customer, make_shop("london", currency="GBP", timezone="Europe/London"), "2026-03-03")

    assert report(campaign=campaign).orders.treated.hits == 0

    sister = make_shop("jd")
    bought(message.customer, sister, "2026-03-03")
    assert report(campaign=campaign).orders.treated.hits == 1


def test_the_comparison_is_by_assignment_and_the_response_rate_by_delivery(campaign: Campaign, shop: Shop) -> None:
    """A copy that never arrived stays in the treated arm: chance put its receiver there."""
    written_to(campaign, state="delivered")
    bounced = written_to(campaign, state="undelivered")
    opted_out_meanwhile = written_to(campaign, state="skipped", reason="suppressed", claims=1)
    never_eligible = written_to(campaign, state="skipped", reason="no_consent", claims=0)
    for message in (bounced, opted_out_meanwhile, never_eligible):
        bought(message.customer, shop, "2026-03-03")

    found = report(campaign=campaign)

    assert found.audience == 4
    assert found.excluded == {"no_consent": 1}
    assert (found.treated, found.sent, found.delivered) == (3, 2, 1)
    assert found.not_sent == {"suppressed": 1}
    assert (found.orders.treated.hits, found.orders.treated.n) == (2, 3)
    assert (found.response.hits, found.response.n) == (0, 1)


def test_each_kind_of_answer_is_counted_apart_and_each_customer_once(campaign: Campaign, shop: Shop) -> None:
    eager, silent, robot = written_to(campaign), written_to(campaign), written_to(campaign)
    for _time in range(3):
        make_response(eager, "click")
    make_response(eager, "reply")
    bought(eager.customer, shop, "2026-03-03")
    make_response(silent, "click", occurred_at=START + timedelta(days=8))
    make_response(robot, "click", suspected_bot=True)
    make_response(robot, "unsubscribe")

    found = report(campaign=campaign)

    assert [rate.hits for rate in (found.clicks, found.replies, found.ordered)] == [1, 1, 1]
    assert (found.response.hits, found.response.n) == (1, 3)
    assert (found.unsubscribed, found.suspected_bots) == (1, 1)


def test_activation_is_of_those_who_slept_when_they_were_chosen(campaign: Campaign, shop: Shop) -> None:
    woken = written_to(campaign, stage_when_chosen="lost")
    written_to(campaign, stage_when_chosen="dormant")
    awake = written_to(campaign, stage_when_chosen="active")
    held_out(campaign, stage_when_chosen="lost")
    held_out(campaign, stage_when_chosen="new")
    bought(woken.customer, shop, "2026-03-03")
    bought(awake.customer, shop, "2026-03-03")

    activation = report(campaign=campaign).activation

    assert (activation.treated.hits, activation.treated.n) == (1, 2)
    assert (activation.holdout.hits, activation.holdout.n) == (0, 1)


def test_revenue_is_net_and_per_customer_assigned(campaign: Campaign, shop: Shop) -> None:
    buyer = written_to(campaign)
    written_to(campaign)
    bought(buyer.customer, shop, "2026-03-03", paid="120", refunded_amount=Decimal(20))
    bought(buyer.customer, shop, "2026-03-04", paid="50")
    bought(held_out(campaign).customer, shop, "2026-03-03", paid="30")
    held_out(campaign)

    found = report(campaign=campaign)

    assert found.revenue.treated.value == 75
    assert found.revenue.holdout.value == 15
    assert found.revenue.uplift is not None
    assert found.revenue.uplift.mid == 60
    assert found.cost == Decimal("0.10")


def test_a_merged_report_of_several_campaigns_keeps_them_apart(campaign: Campaign, shop: Shop) -> None:
    later = make_campaign(shop, state="finished", started_at=START + timedelta(days=30))
    draft = make_campaign(shop)
    customer = written_to(campaign).customer
    make_message(later, customer)
    bought(customer, shop, "2026-04-02")

    first, second, third = reports([campaign, later, draft])

    assert (first.orders.treated.hits, second.orders.treated.hits) == (0, 1)
    assert (third.audience, third.closes_at) == (0, None)


def test_nobody_held_out_is_said_and_no_number_is_invented(campaign: Campaign) -> None:
    written_to(campaign)
    found = report(campaign=campaign)
    assert found.orders.uplift is None
    assert found.incremental_buyers is None
    assert found.verdict_text == "Cannot tell: nobody was held out."
    assert len(arms_chart(found)["intervals"]) == 1  # type: ignore[arg-type]


def test_a_small_campaign_says_how_many_customers_it_would_take(campaign: Campaign, shop: Shop) -> None:
    for number in range(20):
        message = written_to(campaign)
        if number < 3:
            bought(message.customer, shop, "2026-03-03")
    bought(held_out(campaign).customer, shop, "2026-03-03")
    for _number in range(9):
        held_out(campaign)

    found = report(campaign=campaign)

    assert found.verdict is Verdict.CANNOT_TELL
    assert found.needed_per_arm == pytest.approx(14_700, rel=0.02)  # base 10 %
    assert "about 15,000 customers per arm" in found.verdict_text


def test_a_window_that_is_open_says_until_when(shop: Shop) -> None:
    now = datetime.now(UTC)
    running = make_campaign(shop, state="running", started_at=now - timedelta(days=1), window_days=3)
    found = report(campaign=running)
    assert found.is_open
    assert found.closes_at == running.started_at + timedelta(days=3)  # type: ignore[operator]


def test_the_file_holds_the_figures_of_the_page(campaign: Campaign, shop: Shop) -> None:
    bought(written_to(campaign).customer, shop, "2026-03-03")
    held_out(campaign)
    rows = {str(row[0]): row[1:] for row in report_rows(report(campaign=campaign))}
    assert rows["Response, any kind"][:3] == [1, 1, 1.0]
    assert rows["Orders: holdout"][:3] == [0, 1, 0.0]
    assert rows["Orders: uplift"][2] == 1.0


def test_the_stores_own_base_rate_is_read_from_windows_that_are_over(
    campaign: Campaign, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "ENOUGH_HELD_OUT", 4)
    for number in range(4):
        waited = held_out(campaign).customer
        if number == 0:
            bought(waited, shop, "2026-03-04")
    yesterday = timezone.now() - timedelta(days=1)
    open_still = make_campaign(shop, state="finished", started_at=yesterday, finished_at=yesterday)
    for _number in range(4):
        held_out(open_still)
    assert preflight.base_rate("CNY") == (0.25, True)
