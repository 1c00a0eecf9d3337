"""What other rooms announce, written down."""

from collections.abc import Sequence

from django.dispatch import receiver

from customers.models import Shop
from customers.services import refresh_reach
from customers.signals import person_erased
from orders.signals import import_finished, orders_changed, orders_taken_back
from touchpoints import erasing, selectors, services


@receiver(orders_changed)
def orders_were_applied(sender: object, order_ids: Sequence[int], **_: object) -> None:
    services.record_order_touchpoints(order_ids=order_ids)
    # Buyers who are new, or whose phone has become known, stand in the lists at once, not after the next analysis.
    refresh_reach(customer_ids=selectors.buyers_of(order_ids))


@receiver(orders_taken_back)
def orders_went(sender: object, order_ids: Sequence[int], refund_ids: Sequence[int], **_: object) -> None:
    services.forget_order_touchpoints(order_ids=order_ids, refund_ids=refund_ids)


@receiver(import_finished)
def import_ended(sender: object, shop: Shop, **_: object) -> None:
    services.record_lone_refunds(shop_id=shop.pk)


@receiver(person_erased)
def person_is_erased(sender: object, customer_ids: Sequence[int], **_: object) -> None:
    erasing.forget_words(customer_ids=customer_ids)
