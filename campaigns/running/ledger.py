"""The ledger of a campaign: everybody of its audience, what became of their copy, and how that came about."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from campaigns.models import Attempt, Campaign, Message, ProviderEvent, Response
from customers import searching
from customers.selectors import possible_digests
from touchpoints.models import Touchpoint

#: More people than this are not what somebody looks for by name.
FOUND = 200
#: Rows of each kind that the page of one message shows.
SHOWN = 50


def recipients(campaign: Campaign) -> QuerySet[Message]:
    """Everybody in the campaign's ledger, held-out and skipped customers included."""
    return campaign.messages.select_related("customer")


def looked_for(messages: QuerySet[Message], text: str, *, by_parts: bool) -> QuerySet[Message]:
    """Those of the messages that went to this address, or are a customer's of this name, number or address.

    `by_parts`: whether the asker may find somebody by a part of phone or address, as the customer list has it.
    """
    digests = possible_digests(text)
    people = [hit.customer.pk for hit in searching.find(text, by_parts=by_parts, limit=FOUND)]
    # The words of the unique index on addresses, so that it can be used; skipped copies are found by their customer.
    sent_to = Q(address_digest__in=digests) & ~Q(address_digest="") & ~Q(state="skipped") if digests else Q(pk__in=[])
    return messages.filter(sent_to | Q(customer__in=people))


@dataclass(frozen=True)
class Story:
    """Everything known of one copy, in the order in which it happened. `touchpoint`: how the customer's page tells it,
    None where nothing was handed over for certain."""

    message: Message
    attempts: Sequence[Attempt]
    events: Sequence[ProviderEvent]
    responses: Sequence[Response]
    touchpoint: Touchpoint | None


def story_of(message: Message) -> Story:
    names = [str(message.token), *filter(None, [message.provider_message_id])]
    events = ProviderEvent.objects.filter(reference__in=names, provider__code=message.provider)
    responses = message.responses.select_related("link").order_by("occurred_at")
    return Story(
        message=message,
        attempts=list(message.tries.order_by("attempt_no")[:SHOWN]),
        events=list(events.select_related("provider").order_by("id")[:SHOWN]),
        responses=list(responses[:SHOWN]),
        touchpoint=Touchpoint.objects.filter(dedupe_key=f"message:{message.pk}:sent").first(),
    )
