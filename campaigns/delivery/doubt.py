"""What was handed over and not answered: asked about, decided by a person, or in doubt for good. Never silently."""

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import policy
from campaigns.channels.base import CanBeAsked, ChannelAdapter, ChannelDown
from campaigns.delivery import workers
from campaigns.delivery.promises import adapter_of
from campaigns.delivery.sql import changed
from campaigns.delivery.touch import record_sent
from campaigns.models import Campaign, Message, Provider
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.errors import WrongState

logger = logging.getLogger(__name__)
S = Message.State
ASK_AT_ONCE = 100


def give_up_old() -> int:
    """Doubts of more than 72 hours (policy.UNKNOWN_FOR) are doubts for good: still counted as sent for caps and cost,
    still listed. A late receipt may settle them. Returns how many."""
    old = Message.objects.filter(state=S.UNKNOWN, sent_at__lt=Now() - policy.UNKNOWN_FOR)
    count = old.update(state=S.UNRESOLVED, lease_until=None, updated_at=Now())
    if count:
        logger.warning("%s messages stay in doubt for good", count)
    return count


def ask_providers() -> int:
    """Ask the providers that can be asked about doubts older than policy.LOOKUP_AFTER. Returns how many settled."""
    asked = Message.objects.filter(state=S.UNKNOWN, sent_at__lt=Now() - policy.LOOKUP_AFTER)
    settled = 0
    for provider in Provider.objects.filter(code__in=asked.order_by().values("provider").distinct()):
        adapter = adapter_of(provider)
        if adapter is not None and adapter.idempotency == "lookup" and isinstance(adapter, CanBeAsked):
            waiting = asked.filter(provider=provider.code).order_by("?")[:ASK_AT_ONCE]
            settled += _ask(adapter, list(waiting.values_list("id", "token", "claim_token")))
    return settled


def _ask(adapter: ChannelAdapter, waiting: Sequence[tuple[int, UUID, UUID | None]]) -> int:
    assert isinstance(adapter, CanBeAsked)
    try:
        adapter.open()
        answers = adapter.lookup([str(token) for _pk, token, _claim in waiting])
    except ChannelDown as error:
        logger.warning("a provider cannot be asked about doubts: %s", error.message)
        return 0
    finally:
        adapter.close()
    known = [(pk, claim, answers[str(token)]) for pk, token, claim in waiting if str(token) in answers]
    taken = _taken({pk: number for pk, _claim, number in known if number is not None})
    return taken + _never_came([pk for pk, claim, number in known if number is None and _is_over(claim)])


def _is_over(claim: UUID | None) -> bool:
    """Whether whoever made the call can never make it again: stopped for an hour, it may wake up and call."""
    return claim is not None and workers.is_proven_dead(claim)


def _taken(numbers: dict[int, str]) -> int:
    if not numbers:
        return 0
    count = changed(
        "UPDATE campaigns_message AS m SET state = 'accepted', reason = '', updated_at = now(),"
        " provider_message_id = coalesce(nullif(f.number, ''), m.provider_message_id)"
        " FROM unnest(%s::bigint[], %s::text[]) AS f (id, number) WHERE m.id = f.id AND m.state = 'unknown'",
        [list(numbers), list(numbers.values())],
    )
    record_sent(message_ids=list(numbers))
    return count


def _never_came(ids: Sequence[int]) -> int:
    """A definite no: the slot of the cap is free again. Once more while its campaign is sending, else it has failed."""
    if not ids:
        return 0
    return changed(
        "UPDATE campaigns_message AS m SET state = CASE WHEN c.state IN ('running', 'paused') THEN 'retry_wait'"
        " ELSE 'failed' END, reason = 'never_came', due_at = now(), sent_at = NULL, generation = generation + 1,"
        " updated_at = now() FROM campaigns_campaign AS c"
        " WHERE c.id = m.campaign_id AND m.id = ANY(%s) AND m.state = 'unknown'",
        [list(ids)],
    )


@transaction.atomic
def repeat_once(*, message: Message, by: User | None) -> Message:
    """A person prefers a second copy of a notice to none. Once, by the same provider, while its campaign may still
    send: a finished one goes on for it. Audited.

    Raises WrongState: not in doubt, not a notice, repeated already, or too late.
    """
    row = Message.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=message.pk)
    _refuse_repeat(row)
    campaign = Campaign.objects.filter(pk=row.campaign_id, send_until__gt=Now(), state__in=["running", "finished"])
    if not campaign.update(state=Campaign.State.RUNNING, finished_at=None, updated_at=Now()):
        raise WrongState(_("Its campaign's time is over."), code="too_late")
    Message.objects.filter(pk=row.pk).update(
        state=S.RETRY_WAIT, generation=1, due_at=Now(), reason="repeated_by_hand", updated_at=Now()
    )
    audit(action="message.repeat", actor=by, target=f"message:{row.pk}")
    row.refresh_from_db()
    return row


def _refuse_repeat(row: Message) -> None:
    if row.state != S.UNKNOWN or row.campaign.lane != Campaign.Lane.TRANSACTIONAL or row.sent_at is None:
        raise WrongState(_("Only notices that are in doubt can be repeated."), code="not_repeatable")
    if row.generation > 0:
        raise WrongState(_("This message was tried again already."), code="repeated")
    if row.sent_at < timezone.now() - policy.KEY_MEMORY:
        raise WrongState(_("It is in doubt for too long."), code="too_late")
