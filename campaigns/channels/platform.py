"""Messages that a person carries to the shop's platform: handing over means a row in the campaign's current file.

No row is written twice, so that a repeat in doubt finds the first one. What is in a file stays `sending` until
somebody says what became of the file (campaigns/platform/files.py).
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Literal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from campaigns.channels.base import ChannelAdapter, Envelope, Outcome, Receipt
from campaigns.channels.kinds import Account, Kind
from campaigns.models import Campaign, Message, PlatformFile, PlatformRow
from campaigns.platform.layouts import is_exact

#: Rows of one file: what a spreadsheet shows at once, and the platforms' own tools take.
MOST_ROWS = 10_000
MOST_LETTERS = 120  # of a buyer's name
S = PlatformFile.State
#: What became of a row that is known already.
_KNOWN = {
    S.READY: Outcome.KEPT, S.UPLOADED: Outcome.ACCEPTED, S.ANSWERED: Outcome.ACCEPTED, S.WITHDRAWN: Outcome.REFUSED,
}  # fmt: skip


class PlatformChannel:
    """Writes files in our own database; the platform itself is never called."""

    idempotency: Literal["key", "lookup", "none"] = "key"
    batch_size = 100

    def __init__(self, account: Account) -> None:
        self.name = account.code

    def open(self) -> None:
        """There is nothing that could be closed."""

    def close(self) -> None: ...

    def send(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        """Kept in a file; refused where the file could not say it exactly, and safely."""
        refused = {one.reference: why for one in envelopes if (why := _unfit(one))}
        kept = _keep([one for one in envelopes if one.reference not in refused])
        return [
            Receipt(one.reference, Outcome.REFUSED, reason=refused[one.reference])
            if one.reference in refused
            else kept.get(one.reference, Receipt(one.reference, Outcome.REFUSED, reason="no_message"))
            for one in envelopes
        ]


def _unfit(envelope: Envelope) -> str:
    """An apostrophe in front would make it safe, and another name or another text."""
    if not is_exact(envelope.to) or len(envelope.to) > MOST_LETTERS:
        return "unsafe_recipient"
    return "" if is_exact(envelope.text) else "unsafe_text"


@transaction.atomic
def _keep(envelopes: Sequence[Envelope]) -> dict[str, Receipt]:
    by_token = {one.reference: one for one in envelopes if _is_token(one.reference)}
    messages = {
        str(token): (pk, campaign_id)
        for token, pk, campaign_id in Message.objects.filter(token__in=by_token)
        .order_by("pk")
        .values_list("token", "pk", "campaign_id")
    }
    campaigns = sorted({campaign for _pk, campaign in messages.values()})
    _hold(campaigns)
    found = _known({pk: token for token, (pk, _campaign) in messages.items()})
    for campaign_id in campaigns:
        new = [(token, pk) for token, (pk, campaign) in messages.items() if campaign == campaign_id]
        _write(campaign_id, [(pk, by_token[token]) for token, pk in new if token not in found])
    kept = {token: Receipt(token, Outcome.KEPT, reason="in_file") for token in messages}
    return kept | found


def _hold(campaigns: Sequence[int]) -> None:
    """One lane at a time writes in the files of a campaign."""
    list(Campaign.objects.select_for_update(no_key=True).filter(pk__in=campaigns).order_by("pk").values_list("pk"))


def _is_token(reference: str) -> bool:
    try:
        return bool(uuid.UUID(reference))
    except ValueError:
        return False


def _known(tokens: Mapping[int, str]) -> dict[str, Receipt]:
    """Rows that an earlier try has written. Their file is held, so that nobody says anything about it meanwhile."""
    rows = PlatformRow.objects.filter(message__in=list(tokens)).values_list("message", "file")
    files = {file.pk: file for file in PlatformFile.objects.select_for_update().filter(pk__in={f for _m, f in rows})}
    reasons = {S.READY: "in_file", S.WITHDRAWN: "withdrawn"}
    return {
        tokens[pk]: Receipt(tokens[pk], _KNOWN[S(files[f].state)], reason=reasons.get(S(files[f].state), ""))
        for pk, f in rows
    }


def _write(campaign_id: int, letters: Sequence[tuple[int, Envelope]]) -> None:
    left = list(letters)
    while left:
        file = _current(campaign_id)
        here, left = left[: MOST_ROWS - file.rows], left[MOST_ROWS - file.rows :]
        PlatformRow.objects.bulk_create(
            PlatformRow(file=file, message_id=pk, recipient=one.to, text=one.text) for pk, one in here
        )
        file.rows += len(here)
        file.save(update_fields=["rows"])


def _current(campaign_id: int) -> PlatformFile:
    """The file that still grows: nobody has fetched it, and it has room."""
    last = PlatformFile.objects.select_for_update().filter(campaign=campaign_id).order_by("-number").first()
    if last is not None and last.state == S.READY and last.fetched_at is None and last.rows < MOST_ROWS:
        return last
    number = last.number + 1 if last else 1
    platform = Campaign.objects.values_list("shop__platform", flat=True).get(pk=campaign_id)
    return PlatformFile.objects.create(campaign_id=campaign_id, number=number, platform=platform)


def _open(account: Account) -> ChannelAdapter:
    return PlatformChannel(account)


KIND = Kind(
    code="platform",
    label=_("Files for the platform"),
    text=_("Writes files that somebody uploads to the shop’s platform. They are on the page of each campaign."),
    channels=("platform",),
    open=_open,
    place=lambda account: "",
    idempotency="key",
    batch_size=100,
    receipts=True,
    by_hand=False,
    can_check=False,
)
