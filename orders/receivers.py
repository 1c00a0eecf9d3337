"""What this room's own news and those of customers mean for points and tiers."""

from collections.abc import Sequence

from customers.models import Shop
from orders import erased_rows, erasing, programme
from orders.models import ImportFile
from orders.points import book_order_points


def after_orders_changed(*, order_ids: Sequence[int], **_kwargs: object) -> None:
    """New, refunded and re-told orders: points follow. What they told of somebody erased is forgotten again."""
    erasing.forget_again(order_ids=order_ids)
    book_order_points(order_ids=order_ids)


def after_import(*, shop: Shop, import_file: ImportFile | None = None, **_kwargs: object) -> None:
    """All rows of a file have been dealt with: tiers follow, and what it kept of people erased before is forgotten."""
    if import_file is not None:
        erased_rows.forget_named_rows(import_file=import_file)
    programme.submit_after_import(book=shop.book)


def after_programme_changed(*, book: str, shop: Shop | None, **_kwargs: object) -> None:
    """Other tiers, or another rule for the orders of a shop: work everything out anew."""
    programme.submit(book=book, shop_id=shop.pk if shop else None)


def when_erased(*, customer_ids: Sequence[int], words: Sequence[str], **_kwargs: object) -> None:
    """A person is being erased: their orders are of nobody known, and no kept row of a file names them."""
    erasing.forget_orders(customer_ids=customer_ids)
    erasing.forget_rows(words=words)
