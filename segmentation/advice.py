"""What to do with each value group, in sentences that somebody understands who has never heard of RFM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from segmentation.options import Policy
from segmentation.presets import ADVICE
from segmentation.selectors import Share

#: Who they are, and what to do first.
WHO: dict[str, tuple[str | Promise, str | Promise]] = {
    "champions": (
        _("They buy often and much, and were here lately."),
        _("Keep them: service, early access, a personal word. No discounts, they buy without."),
    ),
    "promising": (
        _("They spend much and were here lately, but buy seldom."),
        _("Give them a reason to come again soon: what goes with what they bought."),
    ),
    "must_keep": (
        _("They used to buy often and much, and have stayed away."),
        _("Win them back in person, before anything else: a call or a letter, not a mailing."),
    ),
    "at_risk": (
        _("They spent much in few orders, and have stayed away."),
        _("One well-aimed offer for what they bought; stop if they do not answer."),
    ),
    "loyal_small": (
        _("They come often and were here lately, with small orders."),
        _("Raise the order value: sets, free delivery from an amount."),
    ),
    "new_small": (
        _("They were here lately, seldom and with little: mostly first orders."),
        _("Lead them to the second purchase: it decides whether they become regulars."),
    ),
    "fading_small": (
        _("They used to come often with small orders, and have stayed away."),
        _("A gentle reminder is enough; spend little."),
    ),
    "lost_small": (
        _("They bought seldom and little, long ago."),
        _("Spend nothing on them: leave them out of mailings."),
    ),
}

#: Groups whose money is about to be lost come first, then those from whom more can come, then those to keep.
_URGENCY = ("must_keep", "at_risk", "promising", "new_small", "champions", "loyal_small", "fading_small")
_FIRST_STEPS = 3


@dataclass(frozen=True)
class GroupRow:
    """A value group with its figures, what to do with it, and what the store says it does."""

    share: Share
    who: str | Promise
    what: str | Promise
    short: str | Promise
    policy: Policy
    url: str

    @property
    def words(self) -> str:
        return f"{self.who} {self.what}"


def group_row(share: Share, policies: Mapping[str, Policy], url: str) -> GroupRow:
    who, what = WHO[share.code]
    return GroupRow(share, who, what, ADVICE[share.code], policies[share.code], url)


def first_steps(rows: Sequence[GroupRow]) -> list[GroupRow]:
    """Up to three groups with customers to begin with: those in care if there are any, the most urgent first."""
    told = {row.share.code: row for row in rows if row.share.n}
    in_order = [told[code] for code in _URGENCY if code in told]
    cared_for = [row for row in in_order if row.policy.in_care]
    return (cared_for or in_order)[:_FIRST_STEPS]
