"""What messages still show of somebody who was erased. The digests of their addresses stay: nobody writes there."""

from collections.abc import Sequence

from campaigns.models import Message, Response


def forget_addresses(*, customer_ids: Sequence[int]) -> None:
    """Masked addresses, and what these customers replied."""
    Message.objects.filter(customer__in=customer_ids).exclude(masked_address="").update(masked_address="")
    Response.objects.filter(message__customer__in=customer_ids).update(data={})
