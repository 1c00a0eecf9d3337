"""What messages still show of somebody who was erased. The digests of their addresses stay: nobody writes there."""

from collections.abc import Sequence

from campaigns.models import Message, Response
from campaigns.platform.files import forget_rows


def forget_addresses(*, customer_ids: Sequence[int]) -> None:
    """Masked addresses, what stands in files for platforms, and what these customers replied."""
    Message.objects.filter(customer__in=customer_ids).exclude(masked_address="").update(masked_address="")
    forget_rows(customer_ids=customer_ids)
    Response.objects.filter(message__customer__in=customer_ids).update(data={})
