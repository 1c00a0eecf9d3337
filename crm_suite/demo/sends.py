"""What the past campaigns did: who was chosen, who was held out, who got it, and who bought because of it.

A campaign is played at its moment in the history: stages and groups are those of that day, from purchases that
habit and earlier campaigns had brought by then. The planted effect is drawn among the treated alone.
"""

from dataclasses import dataclass, field

import numpy as np

from crm_suite.demo.people import Flags, Floats, Ints, People
from crm_suite.demo.purchases import History
from crm_suite.demo.seasons import DAY
from crm_suite.demo.stories import CampaignStory

STAGES = np.array(["prospect", "new", "active", "silent", "dormant", "lost"])
#: By R, F, M high or low: 4·R + 2·F + M.
GROUPS = np.array(
    ["lost_small", "at_risk", "fading_small", "must_keep", "new_small", "promising", "loyal_small", "champions"]
)
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Standing:
    """Every customer at a moment: paid orders, amount in fen, stage and group codes ("" where there is none)."""

    orders: Ints
    amount: Ints
    stage: np.ndarray[tuple[int], np.dtype[np.str_]]
    group: np.ndarray[tuple[int], np.dtype[np.str_]]


@dataclass(frozen=True)
class Answer:
    """A click or an opt-out; `row` is the position of the message in its Send."""

    row: int
    kind: str
    moment: int
    bot: bool = False


@dataclass(frozen=True)
class Send:
    """One campaign carried out, column by column of its messages."""

    story: CampaignStory
    start: int
    customer: Ints
    held_out: Flags
    state: list[str]
    reason: list[str]
    sent: Ints  # moment, 0 where nothing was handed over
    stage: list[str]
    group: list[str]
    answers: list[Answer] = field(default_factory=list)


@dataclass
class Reach:
    """Who may be written to in each channel, and until when: opting out ends it."""

    people: People
    opted_out: dict[str, Ints]

    @classmethod
    def of(cls, people: People) -> "Reach":
        return cls(people, {channel: np.full(len(people), NEVER) for channel in ("email", "sms")})

    def refusals(self, channel: str, customer: Ints, moment: int) -> list[str]:
        """The reason why each of these customers may not be written to; "" = may be."""
        addresses = self.people.emails if channel == "email" else self.people.phones
        consent = self.people.email_consent if channel == "email" else self.people.sms_consent
        gone = self.opted_out[channel] <= moment
        return [
            "no_address" if not addresses[one] else "suppressed" if gone[one] else "" if consent[one] else "no_consent"
            for one in customer
        ]


def standing_at(history: History, customers: int, moment: int) -> Standing:
    """Stage by the 30/60/90 % percentiles of the spells so far, group by the means, as the analysis does."""
    when, who, paid = history.column("moment"), history.column("customer"), history.column("amount")
    past = when < moment
    who, day, paid = who[past], when[past] // DAY, paid[past]
    orders = np.bincount(who, minlength=customers)
    amount = np.bincount(who, weights=paid, minlength=customers).astype(np.int64)
    last = np.full(customers, -1, dtype=np.int64)
    np.maximum.at(last, who, day)
    recency = moment // DAY - last
    bounds = np.percentile(_spells(who, day), [30, 60, 90], method="inverted_cdf")
    return Standing(orders, amount, _stages(orders, recency, bounds), _groups(orders, recency, amount))


def _spells(who: Ints, day: Ints) -> Ints:
    order = np.lexsort((day, who))
    gaps = np.diff(day[order])
    spells: Ints = gaps[(np.diff(who[order]) == 0) & (gaps > 0)]
    return spells


def _stages(orders: Ints, recency: Ints, bounds: Floats) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    later = 2 + np.searchsorted(bounds, recency, side="left")
    place = np.where(orders == 0, 0, np.where((later == 2) & (orders == 1), 1, later))
    return STAGES[place]


def _groups(orders: Ints, recency: Ints, amount: Ints) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    bought = orders > 0
    high = [recency <= recency[bought].mean(), orders > orders[bought].mean(), amount > amount[bought].mean()]
    groups = GROUPS[4 * high[0] + 2 * high[1] + 1 * high[2]]
    return np.where(bought, groups, "")


def chosen_by(segment: str, at: Standing) -> Ints:
    """Positions of the customers whom the segment's rule (stories.SEGMENTS) chooses."""
    stage, bought = at.stage, at.orders > 0
    rules = {
        "lost": (stage == "lost") & (at.orders >= 2),
        "once": np.isin(stage, ["silent", "dormant"]) & (at.orders == 1),
        "champions": at.group == "champions",
        "active": np.isin(stage, ["new", "active", "silent"]),
        "spenders": np.isin(stage, ["dormant", "lost"]) & (at.amount >= 100_000),
        "buyers": bought,
    }
    return np.flatnonzero(rules[segment])


def carry_out(
    rng: np.random.Generator, story: CampaignStory, *, start: int, history: History, reach: Reach
) -> tuple[Send, Ints, Ints]:
    """(the send, customer and moment of the purchases that it caused)."""
    at = standing_at(history, len(reach.people), start)
    customer = chosen_by(story.segment, at)
    reason = reach.refusals(story.channel, customer, start)
    open_to_us = np.array([not why for why in reason], dtype=bool)
    by_habit = _by_habit(story, start, customer, history)
    held_out = _hold_out(rng, open_to_us, by_habit, story.holdout / 100)
    treated = open_to_us & ~held_out
    bounced = treated & (rng.random(len(customer)) < 0.018)
    sent = np.where(treated, start + rng.integers(0, 1200, len(customer)), 0)
    stage, group = at.stage[customer].tolist(), at.group[customer].tolist()
    send = Send(
        story, start, customer, held_out, _states(story, treated, held_out, bounced), reason, sent, stage, group
    )
    buyers = _persuaded(rng, send, treated, treated & ~bounced & ~by_habit)
    _answers(rng, send, np.flatnonzero(treated & ~bounced), set(buyers.tolist()), reach)
    delay = np.minimum(rng.exponential(1.3 * DAY, len(buyers)), story.window * DAY - 7200).astype(np.int64)
    return send, customer[buyers], sent[buyers] + 1800 + delay


def _states(story: CampaignStory, treated: Flags, held_out: Flags, bounced: Flags) -> list[str]:
    got = "delivered" if story.channel == "sms" else "accepted"
    place = np.where(held_out, 1, np.where(bounced, 2, np.where(treated, 3, 0)))
    return np.array(["skipped", "held_out", "undelivered", got])[place].tolist()  # type: ignore[no-any-return]


def _by_habit(story: CampaignStory, start: int, customer: Ints, history: History) -> Flags:
    """Who buys inside the window whether written to or not."""
    when, who = history.column("moment"), history.column("customer")
    inside = (when >= start) & (when < start + story.window * DAY)
    found: Flags = np.isin(customer, who[inside])
    return found


def _hold_out(rng: np.random.Generator, eligible: Flags, by_habit: Flags, share: float) -> Flags:
    """A random share of those who would buy anyway, and the same share of the others.

    A real draw cannot know the two apart. The demo does, so that its reports show the planted effect on whatever day
    it is loaded, instead of one campaign in twenty telling a newcomer something untrue.
    """
    held_out = np.zeros(len(eligible), dtype=bool)
    for stratum in (eligible & by_habit, eligible & ~by_habit):
        rows = np.flatnonzero(stratum)
        held_out[rng.choice(rows, round(share * len(rows)), replace=False)] = True
    return held_out


def _persuaded(rng: np.random.Generator, send: Send, treated: Flags, candidates: Flags) -> Ints:
    """Rows of those who buy because of the campaign: reached, and not people who would have bought anyway."""
    rows = np.flatnonzero(candidates)
    wanted = round(send.story.uplift / 100 * treated.sum())
    return np.sort(rng.choice(rows, min(wanted, len(rows)), replace=False))


def _answers(rng: np.random.Generator, send: Send, reached: Ints, buyers: set[int], reach: Reach) -> None:
    """Clicks (buyers click more often), clicks of mail scanners, and opt-outs, which end the reach."""
    email = send.story.channel == "email"
    for row in reached.tolist():
        sent = int(send.sent[row])
        if rng.random() < (0.55 if row in buyers else 0.045):
            send.answers.append(Answer(row, "click", sent + int(rng.exponential(9000)) + 20))
        if email and rng.random() < 0.012:
            send.answers.append(Answer(row, "click", sent + int(rng.integers(1, 4)), bot=True))
        if rng.random() < 0.005:
            moment = sent + int(rng.exponential(20_000)) + 30
            send.answers.append(Answer(row, "unsubscribe", moment))
            reach.opted_out[send.story.channel][send.customer[row]] = moment
