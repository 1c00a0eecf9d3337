"""What other rooms' news means here."""

from crm_suite.jobs.models import Job
from customers.models import Shop
from segmentation.services import submit_refresh


def after_import(*, shop: Shop, **_kwargs: object) -> Job:
    """New orders: measure the shop's book anew."""
    return submit_refresh(book=shop.book)
