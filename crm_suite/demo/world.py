"""The whole invented store in memory, before a row of it is written. The same seed and moment give the same store."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from crm_suite.demo.catalogue import Catalogue, build_catalogue
from crm_suite.demo.clock import Clock
from crm_suite.demo.people import Flags, Floats, Ints, People, invent_people
from crm_suite.demo.purchases import History, Purchases, fill_baskets, habitual_moments, times_of_day
from crm_suite.demo.seasons import DAY, demand, growth
from crm_suite.demo.sends import Reach, Send, carry_out
from crm_suite.demo.stories import CAMPAIGNS

SEED = 20260618
UNPAID_SHARE = 0.045  # of all orders
SALE_DEMAND = 1.6  # from so much demand on, prices are lowered


@dataclass(frozen=True)
class World:
    clock: Clock
    people: People
    catalogue: Catalogue
    paid: Purchases
    unpaid: Purchases
    sends: list[Send]
    opted_out: dict[str, Ints]
    joined: Ints  # moment at which each customer became known
    rng: np.random.Generator = field(repr=False)


def invent_world(*, customers: int, now: datetime, seed: int = SEED) -> World:
    """Three years up to `now`: people, what habit made them buy, what campaigns added."""
    rng = np.random.default_rng(seed)
    clock = Clock.until(now)
    people, catalogue = invent_people(rng, customers), build_catalogue(rng)
    busy = demand(clock.start, clock.days)
    who, when = habitual_moments(rng, people, busy, growth(clock.days))
    basket = _Baskets(rng, catalogue, busy > SALE_DEMAND, clock.now)
    history = History([basket.fill(who, when)])
    sends, opted_out = _play_campaigns(rng, clock, history, people, basket)
    paid = history.joined()
    unpaid = _unpaid(rng, people, paid, busy, basket)
    joined = _joined(rng, people, clock, [paid, unpaid])
    return World(clock, people, catalogue, paid, unpaid, sends, opted_out, joined, rng)


@dataclass(frozen=True)
class _Baskets:
    rng: np.random.Generator
    catalogue: Catalogue
    sale_days: Flags
    now: int

    def fill(self, who: Ints, when: Ints) -> Purchases:
        """What has happened of it by now, in the order of time."""
        order = np.argsort(when, kind="stable")
        order = order[when[order] < self.now]
        return fill_baskets(self.rng, self.catalogue, who[order], when[order], self.sale_days)


def _play_campaigns(
    rng: np.random.Generator, clock: Clock, history: History, people: People, basket: _Baskets
) -> tuple[list[Send], dict[str, Ints]]:
    """The campaigns in the order of their days, each seeing what those before it had brought about."""
    reach, sends = Reach.of(people), []
    for story in sorted(CAMPAIGNS, key=lambda one: one.last_day(clock.today)):
        start = clock.at(story.last_day(clock.today), hour=10)
        send, who, when = carry_out(rng, story, start=start, history=history, reach=reach)
        history.blocks.append(basket.fill(who, when))
        sends.append(send)
    return sends, reach.opted_out


def _unpaid(rng: np.random.Generator, people: People, paid: Purchases, busy: Floats, basket: _Baskets) -> Purchases:
    """Orders that were never paid: some of buyers, some of people who have never bought."""
    prospects = np.flatnonzero(~people.buyers)
    hesitating = rng.choice(prospects, int(len(prospects) * 0.4), replace=False)
    buyers = rng.choice(paid.customer, max(0, int(len(paid) * UNPAID_SHARE) - len(hesitating)))
    who = np.concatenate([hesitating, buyers])
    day = rng.choice(len(busy), len(who), p=busy / busy.sum())
    return basket.fill(who, day * DAY + times_of_day(rng, len(who)))


def _joined(rng: np.random.Generator, people: People, clock: Clock, blocks: list[Purchases]) -> Ints:
    """A few minutes before the first order; anywhere in the history for people who only looked around."""
    joined = np.where(people.buyers, clock.now, rng.integers(0, max(clock.now - DAY, 1), len(people)))
    for block in blocks:
        np.minimum.at(joined, block.customer, block.moment)
    return np.maximum(joined - rng.integers(60, 3600, len(people)), 0)
