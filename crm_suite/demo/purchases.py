"""How invented customers buy: most of them once, the others at a pace of their own until they drop out.

Moments are whole seconds of the shop's local time since the first midnight of the history; amounts are in fen.
The behaviour follows the idea of BG/NBD (a rate and a chance of dropping out for each person) on a clock that runs
faster during the great sales, so that habits and seasons are both to be seen.
"""

from dataclasses import dataclass, field

import numpy as np

from crm_suite.demo.catalogue import Catalogue
from crm_suite.demo.people import Flags, Floats, Ints, People
from crm_suite.demo.seasons import DAY, HOURS

ONE_TIME_SHARE = 0.56
TYPICAL_GAP = 54  # days between purchases of the middle repeat customer


@dataclass(frozen=True)
class Purchases:
    """Orders and their lines, column by column. `line_order` is the position of the line's order in this block."""

    customer: Ints
    moment: Ints
    amount: Ints
    line_order: Ints
    product: Ints
    quantity: Ints
    unit_price: Ints

    def __len__(self) -> int:
        return len(self.customer)


@dataclass
class History:
    """All purchases so far, in blocks: what habit brought, then what each campaign added."""

    blocks: list[Purchases] = field(default_factory=list)

    def column(self, name: str) -> Ints:
        return np.concatenate([getattr(block, name) for block in self.blocks])

    def joined(self) -> Purchases:
        starts = np.cumsum([0] + [len(block) for block in self.blocks[:-1]])
        lines = [block.line_order + start for block, start in zip(self.blocks, starts, strict=True)]
        names = ("customer", "moment", "amount", "product", "quantity", "unit_price")
        return Purchases(line_order=np.concatenate(lines), **{name: self.column(name) for name in names})


def habitual_moments(rng: np.random.Generator, people: People, demand: Floats, growth: Floats) -> tuple[Ints, Ints]:
    """(customer, moment) of every purchase that no campaign caused."""
    days = len(demand)
    buyers = np.flatnonzero(people.buyers)
    first = rng.choice(days, len(buyers), p=(demand * growth) / (demand * growth).sum())
    customers, on = [buyers], [first]
    clock = np.cumsum(demand)
    keen = rng.random(len(buyers)) >= ONE_TIME_SHARE
    who, position = buyers[keen], clock[first[keen]]
    gap = rng.lognormal(np.log(TYPICAL_GAP), 0.6, len(who))
    drop = rng.beta(1.2, 8.5, len(who))
    while len(who):
        position = position + np.maximum(1.0, rng.gamma(1.5, gap / 1.5))
        stays = (position < clock[-1]) & (rng.random(len(who)) >= drop)
        who, position, gap, drop = who[stays], position[stays], gap[stays], drop[stays]
        customers.append(who)
        on.append(np.searchsorted(clock, position))
    day = np.concatenate(on)
    return np.concatenate(customers), day * DAY + times_of_day(rng, len(day))


def times_of_day(rng: np.random.Generator, count: int) -> Ints:
    """Seconds after midnight: busy before noon and in the evening."""
    hours = rng.choice(24, count, p=HOURS / HOURS.sum())
    return hours * 3600 + rng.integers(0, 3600, count)


def fill_baskets(
    rng: np.random.Generator, catalogue: Catalogue, customer: Ints, moment: Ints, sale_days: Flags
) -> Purchases:
    """Lines for purchases at these moments: one to four products, cheaper on sale days."""
    lines = rng.choice([1, 2, 3, 4], len(customer), p=[0.55, 0.27, 0.12, 0.06])
    line_order = np.repeat(np.arange(len(customer)), lines)
    product = _choose_products(rng, catalogue, customer[line_order])
    quantity = rng.choice([1, 2, 3, 5], len(product), p=[0.82, 0.12, 0.04, 0.02])
    off = np.where(
        sale_days[np.minimum(moment // DAY, len(sale_days) - 1)], rng.choice([0.15, 0.2, 0.3], len(customer)), 0
    )
    unit_price = np.round(catalogue.price[product] * (1 - off[line_order])).astype(np.int64)
    amount = np.bincount(line_order, weights=quantity * unit_price, minlength=len(customer)).astype(np.int64)
    return Purchases(customer, moment, amount, line_order, product, quantity, unit_price)


def _choose_products(rng: np.random.Generator, catalogue: Catalogue, customer: Ints) -> Ints:
    """Six lines of ten come from the person's favourite category, the others from anywhere."""
    anywhere = rng.choice(len(catalogue), len(customer), p=catalogue.popularity)
    favourite = customer * 7919 % (catalogue.category.max() + 1)
    chosen = anywhere.copy()
    loyal = rng.random(len(customer)) < 0.6
    for category in range(int(catalogue.category.max()) + 1):
        rows = np.flatnonzero(loyal & (favourite == category))
        own = np.flatnonzero(catalogue.category == category)
        weights = catalogue.popularity[own]
        chosen[rows] = rng.choice(own, len(rows), p=weights / weights.sum())
    return chosen
