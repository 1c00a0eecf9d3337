"""The store's rules of sending as they are now: its own rows where it has set them, else the defaults of policy.py."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

from campaigns import policy
from campaigns.models import ChannelPolicy, ChannelPrice, SendLimits


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """At most `cap` marketing messages to one customer within `window`, over all campaigns; None: no limit.

    Between `quiet_from` and `quiet_until` on the recipient's clock nothing is sent; None: no quiet hours.
    """

    channel: str
    cap: int | None
    window: timedelta
    quiet_from: time | None
    quiet_until: time | None

    def quiet_end(self, *, now: datetime, zone: str) -> datetime | None:
        """The end of the quiet hours that `now` falls into on the clock of `zone`; None where sending is allowed."""
        if self.quiet_from is None or self.quiet_until is None:
            return None
        return policy.end_of_quiet(now=now, zone=zone, start=self.quiet_from, end=self.quiet_until)


def rules_of(channel: str) -> ChannelRules:
    """What holds in this channel now."""
    row = ChannelPolicy.objects.filter(channel=channel).first()
    if row is None:
        start, end = policy.QUIET_HOURS.get(channel, (None, None))
        return ChannelRules(channel, policy.CAPS.get(channel), policy.CAP_WINDOW, start, end)
    is_quiet = row.quiet_from != row.quiet_until
    start, end = (row.quiet_from, row.quiet_until) if is_quiet else (None, None)
    return ChannelRules(channel, row.cap, timedelta(days=row.cap_days), start, end)


def price_of(*, channel: str, currency: str) -> Decimal | None:
    """What one billed part costs in `currency`: the store's price, else the default where one is known; else None."""
    own = ChannelPrice.objects.filter(channel=channel, currency=currency).values_list("price", flat=True).first()
    return own if own is not None else policy.UNIT_PRICES.get((channel, currency))


def limits() -> SendLimits:
    """The one row of limits; one with nothing limited where nobody has set any."""
    return SendLimits.objects.first() or SendLimits()
