"""What an answer says about the provider itself: too fast, nothing of ours taken, or away."""

import logging
import re
from collections.abc import Sequence

from campaigns.channels import Outcome, Receipt
from campaigns.delivery import pace
from campaigns.delivery.compose import Letter
from campaigns.models import Campaign
from crm_suite.lib.errors import DomainError
from customers.services import suppress

logger = logging.getLogger(__name__)

#: Answers by which a provider means all that we send, and not one recipient: HTTP's, and SMTP's "closing".
_BUSY = re.compile(r"^(421|425|429|503)\b")


class Fuse:
    """One lane's ear. `blocked`: why the provider was taken out of use; `refused`: what it says to one copy after the
    other of this campaign, so that the rest of the audience is spared. Both in its own words."""

    def __init__(self, *, provider_id: int, campaign: Campaign) -> None:
        self.provider_id, self.campaign = provider_id, campaign
        self.blocked = self.refused = ""
        self._has_refused = False

    def hear(self, letters: Sequence[Letter], receipts: Sequence[Receipt]) -> bool:
        """False where the lane has to end. Addresses that do not exist are not written to again."""
        for letter, receipt in zip(letters, receipts, strict=True):
            if receipt.no_such_address and letter.envelope is not None:
                _suppress_gone(self.campaign, letter.envelope.to)
        if busy := [r for r in receipts if _is_busy(r)]:
            pace.slow_down(provider_id=self.provider_id, retry_after=max(r.retry_after or 0 for r in busy))
        self._judge(receipts)
        return not (self.blocked or self.refused) and not any(r.reason == "unreachable" for r in receipts)

    def _judge(self, receipts: Sequence[Receipt]) -> None:
        """Refusals are counted since the last thing that was taken. Whoever refuses the account refuses all to come."""
        shut = next((r for r in receipts if r.outcome is Outcome.BLOCKED), None)
        ours = [r for r in receipts if _is_ours(r)]
        if shut is not None:
            self.blocked = _words(shut)
            pace.shut(provider_id=self.provider_id, reason=self.blocked)
        elif any(r.outcome is Outcome.ACCEPTED for r in receipts):
            if self._has_refused:
                pace.note_success(provider_id=self.provider_id)
            self._has_refused = False
        elif ours:
            self._has_refused = True
            if pace.note_refusals(provider_id=self.provider_id, count=len(ours)):
                self.refused = _words(ours[-1])


def _words(receipt: Receipt) -> str:
    return receipt.detail or receipt.reason or "refused"


def _is_busy(receipt: Receipt) -> bool:
    if receipt.outcome is not Outcome.RETRY or receipt.reason == "unreachable":
        return False
    return receipt.retry_after is not None or bool(_BUSY.match(receipt.detail))


def _is_ours(receipt: Receipt) -> bool:
    """A definite no that was not about the recipient."""
    about_recipient = receipt.no_such_address or receipt.reason != "provider_refused"
    return receipt.outcome is Outcome.REFUSED and not about_recipient


def _suppress_gone(campaign: Campaign, address: str) -> None:
    try:
        suppress(
            channel=campaign.channel, address=address, reason="bounced", source=campaign.code, is_demo=campaign.is_demo
        )
    except DomainError:
        logger.warning("an address of campaign %s bounced and cannot be suppressed", campaign.pk)
