"""Why a row was rejected, in words that name the column and the cure."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, Promise | str] = {
    "ragged": _(
        "The row has more cells than the header has columns. Put cells that hold the separator in quotation marks."
    ),
    "too_many_lines": _("The cell in column %(column)s holds more than 500 lines of an order."),
    "header_again": _("The names of the columns stand here again: two files were joined. Nothing is lost."),
    "currency": _(
        "“%(value)s” in column %(column)s is not in the currency that this shop counts in. "
        "Import such orders into a shop of their currency."
    ),
    "no_key": _("A customer needs a phone, an e-mail, a buyer ID or a loyalty number. Fill in one of them."),
    "no_order_number": _("The order number in column %(column)s is empty. Fill it in."),
    "shortened_number": _(
        "A spreadsheet has shortened “%(value)s” in column %(column)s, the last digits are lost. "
        "Export the file again and do not save it from the spreadsheet."
    ),
    "rounded_number": _(
        "“%(value)s” in column %(column)s ends in zeros: a spreadsheet may have rounded it. "
        "Export the file again; if the number is right, upload this row again from the list of rejected rows."
    ),
    "too_long": _("“%(value)s” in column %(column)s is longer than 80 characters."),
    "no_date": _("Column %(column)s is empty. An order needs the time it was placed or paid."),
    "bad_date": _("“%(value)s” in column %(column)s cannot be read as a date. Write it like 2024-11-11 09:30:00."),
    "unlikely_date": _("“%(value)s” in column %(column)s lies before 1990 or in the future. Correct the date."),
    "no_amount": _("Column %(column)s is empty. An order needs an amount."),
    "bad_amount": _("“%(value)s” in column %(column)s cannot be read as an amount. Write it like 1234.50."),
    "negative_amount": _("“%(value)s” in column %(column)s is negative. Refunds belong in the refund column."),
    "too_much": _("“%(value)s” in column %(column)s times the quantity is a trillion or more. Correct one of them."),
    "bad_quantity": _("“%(value)s” in column %(column)s cannot be read as a whole number of pieces."),
    "quantity_not_positive": _("The quantity “%(value)s” in column %(column)s is not positive, so nothing was bought."),
    "price_not_positive": _("The price “%(value)s” in column %(column)s is not positive, so nothing was paid."),
    "refund_not_negative": _("A cancelled invoice has a positive quantity “%(value)s” in column %(column)s."),
    "adjustment": _("“%(value)s” in column %(column)s is an adjustment of the books, not an order."),
    "refund_too_large": _(
        "The refund “%(value)s” in column %(column)s is larger than what was paid. Where the paid amount has the "
        "refund taken off already, choose the order total as paid amount."
    ),
    "refund_incomplete": _("Another row of the same refund was rejected. Import all rows of this refund together."),
    "refund_exists": _("This refund was imported before with another amount. Import all rows of this refund together."),
}

#: The same in two or three words, for counts.
TITLES: dict[str, Promise | str] = {
    "ragged": _("Too many cells"),
    "too_many_lines": _("Too many lines in one cell"),
    "header_again": _("Header again"),
    "currency": _("Another currency"),
    "no_key": _("Nothing to know the customer by"),
    "no_order_number": _("No order number"),
    "shortened_number": _("Shortened number"),
    "rounded_number": _("Rounded number"),
    "too_long": _("Too long"),
    "no_date": _("No date"),
    "bad_date": _("Unreadable date"),
    "unlikely_date": _("Unlikely date"),
    "no_amount": _("No amount"),
    "bad_amount": _("Unreadable amount"),
    "negative_amount": _("Negative amount"),
    "too_much": _("Amount too large"),
    "bad_quantity": _("Unreadable quantity"),
    "quantity_not_positive": _("Quantity not positive"),
    "price_not_positive": _("Price not positive"),
    "refund_not_negative": _("Refund with positive quantity"),
    "adjustment": _("Adjustment of the books"),
    "refund_too_large": _("Refund larger than payment"),
    "refund_incomplete": _("Incomplete refund"),
    "refund_exists": _("Refund known with another amount"),
}


def sentence(*, code: str, column: str, value: str) -> str:
    """The reason in the active language."""
    return str(SENTENCES[code]) % {"column": column, "value": value[:60]}
