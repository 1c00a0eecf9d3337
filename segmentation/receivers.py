"""What other rooms' news means here."""

from collections.abc import Sequence

from crm_suite.jobs.models import Job
from customers.models import Shop
from segmentation.services import submit_refresh


def after_import(*, shop: Shop, **_kwargs: object) -> Job:
    """New orders: measure the shop's book anew."""
    return submit_refresh(book=shop.book)


def after_merge(*, books: Sequence[str], **_kwargs: object) -> None:
    """Two customers became one, or two again: their books are measured anew. Many merges wait for one analysis."""
    for book in books:
        submit_refresh(book=book)
