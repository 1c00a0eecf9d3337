"""Why something was not sent, waits, or is in doubt: codes of the ledger in words."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.models import Message

REASONS: dict[str, str | Promise] = {
    "erased": _("Merged or erased"),
    "no_address": _("No usable address"),
    "no_consent": _("No consent"),
    "suppressed": _("Opted out or blocked"),
    "topic_refused": _("Wants nothing about this topic"),
    "frequency_cap": _("Got enough messages lately"),
    "quiet_hours": _("Quiet hours where they live"),
    "daily_ceiling": _("Above the most of a day"),
    "budget": _("The budget is used up"),
    "duplicate_address": _("Same address as somebody else in the audience"),
    "address_changed": _("Address changed since the audience was chosen"),
    "same_text": _("Got the same text a moment ago"),
    "number_per_day": _("This number had as many messages today as carriers take"),
    "render": _("The text cannot be filled in"),
    "no_answer": _("Handed over, no answer came"),
    "worker_lost": _("A worker died while handing over"),
    "poison": _("Stopped a worker again and again"),
    "send_window": _("Too late: the time for sending was over"),
    "provider_refused": _("Refused by the provider"),
    "unreachable": _("The provider could not be reached"),
    "retries_used_up": _("Refused for now too often"),
    "cancelled": _("Handed over before the campaign was cancelled; no answer came"),
    "bounced": _("The address does not exist"),
    "in_file": _("In a file that somebody has to upload"),
    "not_uploaded": _("In a file of which nobody said that it was uploaded"),
    "withdrawn": _("In a file that was withdrawn"),
    "unsafe_recipient": _("A name that a spreadsheet would run as a formula"),
    "unsafe_text": _("A text that a spreadsheet would run as a formula"),
    "demo": _("Invented: written to in the simulator only"),
    "never_came": _("The provider says that it never came"),
    "repeated_by_hand": _("Sent once more by decision of a person"),
    "applied": _("Noted"),
    "known": _("Nothing new"),
    "not_sent": _("The copy was not sent"),
    "waiting": _("Waits for its message"),
    "no_message": _("Found no message"),
    "opted_out": _("Opted out"),
    "nothing": _("Nothing to do"),
    **{code: label for code, label in Message.State.choices if code != Message.State.CANCELLED},
}


def reason_label(code: str) -> str:
    """A reason in words; codes of providers stay as they are."""
    return str(REASONS.get(code, code))


@dataclass(frozen=True)
class Tally:
    """One line of a breakdown."""

    code: str
    label: str
    n: int


def tallies(found: dict[str, int]) -> list[Tally]:
    """The most frequent first."""
    ordered = sorted(found.items(), key=lambda item: -item[1])
    return [Tally(code, reason_label(code), n) for code, n in ordered]
