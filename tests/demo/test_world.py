"""The invented store in memory: does it look like a store, and is the planted effect where the report will look?"""

import re
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from campaigns.results.uplift import Share, newcombe
from crm_suite.demo.people import People
from crm_suite.demo.seasons import DAY
from crm_suite.demo.sends import Send
from crm_suite.demo.stories import CAMPAIGNS
from crm_suite.demo.world import World, invent_world
from customers.normalforms import SMS_ABLE, normal_email, normal_phone

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return invent_world(customers=20_000, now=NOW)


def buyers_in_window(world: World, send: Send) -> set[int]:
    inside = (world.paid.moment >= send.start) & (world.paid.moment < send.start + send.story.window * DAY)
    return set(world.paid.customer[inside].tolist())


def uplift(world: World, send: Send):
    bought = np.isin(send.customer, list(buyers_in_window(world, send)))
    treated, held_out = send.sent > 0, send.held_out
    found = newcombe(
        Share(int(bought[treated].sum()), int(treated.sum())), Share(int(bought[held_out].sum()), int(held_out.sum()))
    )
    assert found is not None
    return found


def test_the_same_seed_and_moment_give_the_same_store():
    first, second = (invent_world(customers=500, now=NOW) for _ in range(2))
    assert first.people.names == second.people.names
    assert first.people.emails == second.people.emails
    assert np.array_equal(first.paid.moment, second.paid.moment)
    assert np.array_equal(first.sends[3].held_out, second.sends[3].held_out)
    other = invent_world(customers=500, now=NOW, seed=1)
    assert other.people.names != first.people.names


def test_it_has_the_size_of_a_store(world):
    assert len(world.people) == 20_000
    assert 55_000 < len(world.paid) + len(world.unpaid) < 70_000
    assert len(world.catalogue) == 120
    assert world.clock.days == 3 * 365 + 1
    assert world.paid.moment.max() < world.clock.now


def test_two_thirds_of_the_buyers_bought_once_and_some_never(world):
    orders = Counter(world.paid.customer.tolist())
    assert 0.57 < sum(n == 1 for n in orders.values()) / len(orders) < 0.70
    assert 0.04 < 1 - len(orders) / 20_000 < 0.08


def test_the_great_sales_stand_out(world):
    by_day = Counter(world.clock.days_of(world.paid.moment))
    ordinary = np.median(list(by_day.values()))
    for sale in ("2025-11-11", "2026-06-18", "2024-11-11"):
        assert by_day[sale] > 2.5 * ordinary, sale
    assert by_day["2026-02-17"] < 0.8 * ordinary  # the first day of the Year of the Horse


def test_nobody_can_be_reached_by_mistake(world):
    people: People = world.people
    phones = [phone for phone in people.phones if phone]
    emails = [email for email in people.emails if email]
    assert len(set(phones)) == len(phones) and len(set(emails)) == len(emails)
    assert all(phone.startswith("+8617000") for phone in phones)
    assert {email.rpartition("@")[2] for email in emails} == {"example.com", "example.org", "example.net"}
    # Both pass the product's own normal forms unchanged.
    assert all(normal_phone(phone) == phone and re.match(SMS_ABLE, phone) for phone in phones[::50])
    assert all(normal_email(email) == email for email in emails[::50])


def test_lines_add_up_to_the_orders(world):
    sums = np.bincount(world.paid.line_order, weights=world.paid.quantity * world.paid.unit_price)
    assert np.array_equal(sums.astype(np.int64), world.paid.amount)
    assert (world.paid.amount > 0).all()


def test_there_are_twelve_past_campaigns_two_of_them_without_effect(world):
    assert len(world.sends) == 12
    assert sum(send.story.uplift == 0 for send in world.sends) == 2
    assert all(send.start + send.story.window * DAY < world.clock.now for send in world.sends)


def test_the_interval_of_every_campaign_holds_the_planted_effect(world):
    for send in world.sends:
        found = uplift(world, send)
        assert found.low < send.story.uplift / 100 < found.high, send.story.title


@pytest.mark.parametrize("day", [datetime(2026, 6, 20, 20, tzinfo=UTC), datetime(2027, 1, 1, 0, tzinfo=UTC)])
def test_on_whatever_day_it_is_loaded_strong_campaigns_are_seen_and_empty_ones_are_not(day):
    store = invent_world(customers=20_000, now=day)
    found = {send.story.title: uplift(store, send) for send in store.sends}
    assert found["618 early access"].low > 0
    assert found["A personal word to high spenders"].low > 0
    for story in CAMPAIGNS:
        if not story.uplift:
            assert found[story.title].low < 0 < found[story.title].high


def test_who_is_held_out_or_refused_gets_nothing(world):
    for send in world.sends:
        assert not send.sent[send.held_out].any()
        for row, reason in enumerate(send.reason):
            assert bool(reason) == (send.state[row] == "skipped")
            if reason:
                assert not send.sent[row]


def test_who_opted_out_gets_no_later_campaign_of_that_channel(world):
    gone = 0
    for send in world.sends:
        until = world.opted_out[send.story.channel][send.customer]
        written_to = send.sent > 0
        assert (until[written_to] > send.start).all()
        gone += sum(reason == "suppressed" for reason in send.reason)
    assert gone > 10
