"""What other rooms announce, and what it means for messages."""

from collections.abc import Sequence

from django.dispatch import receiver

from campaigns import erasing
from customers.signals import person_erased


@receiver(person_erased)
def person_is_erased(sender: object, customer_ids: Sequence[int], **_: object) -> None:
    erasing.forget_addresses(customer_ids=customer_ids)
