"""From which state a message may go to which. The database holds the same table in a trigger (migrations)."""

from campaigns.models import Message

S = Message.State

TRANSITIONS: dict[str, frozenset[str]] = {
    S.QUEUED: frozenset({S.CLAIMED, S.EXPIRED, S.CANCELLED}),
    # Back to where it came from when the gate is shut or the worker died; `unknown` when an earlier try is in doubt.
    S.CLAIMED: frozenset({S.QUEUED, S.RETRY_WAIT, S.SENDING, S.SKIPPED, S.FAILED, S.EXPIRED, S.CANCELLED, S.UNKNOWN}),
    # A receipt may overtake our own note of the provider's answer.
    S.SENDING: frozenset({S.ACCEPTED, S.RETRY_WAIT, S.FAILED, S.UNKNOWN, S.DELIVERED, S.UNDELIVERED}),
    S.RETRY_WAIT: frozenset({S.CLAIMED, S.EXPIRED, S.CANCELLED, S.UNKNOWN, S.ACCEPTED, S.DELIVERED, S.UNDELIVERED}),
    S.ACCEPTED: frozenset({S.DELIVERED, S.UNDELIVERED}),
    S.DELIVERED: frozenset({S.UNDELIVERED}),
    S.UNDELIVERED: frozenset({S.DELIVERED}),
    S.UNKNOWN: frozenset({S.ACCEPTED, S.RETRY_WAIT, S.FAILED, S.DELIVERED, S.UNDELIVERED, S.UNRESOLVED}),
    # Nobody asks for it any more, but a receipt may still come.
    S.UNRESOLVED: frozenset({S.ACCEPTED, S.FAILED, S.DELIVERED, S.UNDELIVERED}),
    S.FAILED: frozenset(),
    S.SKIPPED: frozenset(),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
    S.HELD_OUT: frozenset(),
}


def may(old: str, new: str) -> bool:
    return old == new or new in TRANSITIONS[old]
