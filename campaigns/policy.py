"""The numbers that delivery obeys where the store has set none of its own (campaigns/rules.py). No tables, no clock."""

import re
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from customers.models import Channel

#: Fatigue: at most so many marketing messages to one customer within CAP_WINDOW, over all campaigns.
CAPS: dict[str, int] = {Channel.SMS: 2, Channel.EMAIL: 3}
CAP_WINDOW = timedelta(days=7)

#: No marketing messages from the first until the second hour on the recipient's clock.
QUIET_HOURS: dict[str, tuple[time, time]] = {Channel.SMS: (time(21), time(9))}

#: What one billed part costs, by channel and currency, until the store enters its contract.
UNIT_PRICES: dict[tuple[str, str], Decimal] = {
    (Channel.SMS, "CNY"): Decimal("0.05"), (Channel.EMAIL, "CNY"): Decimal("0.01"),
}  # fmt: skip

CLAIM_SIZE = 100  # messages
LEASE = timedelta(seconds=60)
#: A worker gives back what it has claimed after this long, before the lease can run out under its hands.
CLAIM_PATIENCE = 30.0  # seconds
SUSPECTS = 10  # messages whose worker died with them once are claimed so many at a time, later one by one
#: A message whose worker died with it more often than this is not tried again.
MAX_CLAIMS = 3
#: The call to the provider must begin within this time after the gate's commit.
CALL_WITHIN = 10.0  # seconds
MAX_ATTEMPTS = 8
#: A lane waits so long for its provider's bucket; for longer it ends, and the next tick looks again.
PATIENCE = 5.0  # seconds
LANES = 8  # connections to the provider per delivery task, and so the most copies in doubt when it is killed
DELIVER_SECONDS = 20.0  # a delivery task ends after this and wakes its successor
CHUNK = 20_000  # customers per transaction while the audience is frozen

#: What is in doubt so long after the hand-over stays so for good: receipts come within this time or never.
UNKNOWN_FOR = timedelta(hours=72)
#: A provider that knows repeats by their key is asked again within this time; later it may have forgotten the key.
KEY_MEMORY = timedelta(hours=24) - timedelta(minutes=10)
#: A provider that can be asked is asked about a doubt after so long: before, its own books may be behind.
LOOKUP_AFTER = timedelta(seconds=60)

#: One text to one number at most once in so long, and so many texts to it within 24 hours: carriers refuse more.
SAME_TEXT_WITHIN = timedelta(seconds=30)
NUMBER_PER_DAY = 10

#: So many definite refusals in a row, none about a recipient, and the campaign pauses: the rest of it is spared.
MANY_REFUSALS = 20
#: The smallest share of its rate that a provider is slowed to.
SLOWEST = 0.05
#: Share of the rate that a slowed provider regains per second: from a half to all of it in about four minutes.
RECOVERY = 0.002
#: Lanes in the order in which they go where a provider takes only so many.
LANE_ORDER = ("transactional", "care", "bulk")
#: Marketing makes room for what is more urgent and became due within this time; what is stuck holds nobody up.
URGENT_FOR = timedelta(minutes=2)

TICK_ALARM = timedelta(seconds=60)  # without a tick for so long the system page says so,
TICK_FALLBACK = timedelta(seconds=120)  # and for so long the workers tick by themselves

OPT_OUT_TEXTS = {"zh": "拒收请回复R", "en": "Reply STOP to opt out"}
_CJK = re.compile(r"[\u3400-\u9fff]")


def language_of(text: str) -> str:
    """The language in which our own words are added to a text: "zh" where it has Chinese characters, else "en"."""
    return "zh" if _CJK.search(text) else "en"


def retry_delay(attempt: int) -> timedelta:
    """Wait before the next try after the `attempt`-th definite refusal: 30 s, 1, 2, 4 … minutes, at most an hour."""
    return timedelta(seconds=min(30 * 2 ** max(attempt - 1, 0), 3600))


def end_of_quiet(*, now: datetime, zone: str, start: time, end: time) -> datetime | None:
    """The end of the quiet hours that `now` falls into, on the clock of `zone`; None outside them.

    They may pass midnight (21:00 to 9:00) or not (12:00 to 14:00).
    """
    local = now.astimezone(ZoneInfo(zone))
    clock = local.time()
    over_night = start > end
    is_quiet = (clock >= start or clock < end) if over_night else start <= clock < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if over_night and clock >= start else 0)
    return datetime.combine(day, end, ZoneInfo(zone))
