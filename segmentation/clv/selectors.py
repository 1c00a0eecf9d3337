"""Questions about the value model in force and what it expects of whom."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from segmentation.clv import bgnbd, gammagamma
from segmentation.clv.forecast import BANDS, LEAVING, ONCE
from segmentation.models import CustomerValue, ValueModel

Text = str | Promise

#: In the order in which they are told.
PARAMETERS = (*bgnbd.Parameters._fields, *gammagamma.Parameters._fields)

#: Lists of people. The first is shown unless another is asked for.
VALUABLE, LEAVING_LIST = "valuable", "leaving"
LISTS: dict[str, Text] = {VALUABLE: _("Most valuable"), LEAVING_LIST: _("About to leave")}


def model_in_force(book: str) -> ValueModel | None:
    """The newest fit of a book, whether it can tell anything or not."""
    return ValueModel.objects.filter(book=book).order_by("-id").first()


def is_told(model: ValueModel | None) -> bool:
    """Whether the model says what to expect; otherwise its counts say why not."""
    return model is not None and not model.counts.get("why")


@dataclass(frozen=True)
class Band:
    """Customers by P(alive), and what is expected of them together in 365 days; `net` in the book's currency.

    `share` and `net_share`, 0–1, are of all customers of the model and of all that is expected of them.
    """

    code: str
    n: int
    orders: float
    net: Decimal
    share: float
    net_share: float

    @property
    def is_once(self) -> bool:
        """Bought on one day only: the model does not let them leave."""
        return self.code == ONCE

    @property
    def low(self) -> int:
        """P(alive) in per cent from which on the band reaches; 100 for who bought once."""
        return 100 if self.is_once else int(self.code.partition("-")[0])

    @property
    def high(self) -> int:
        return 100 if self.is_once else int(self.code.partition("-")[2])


def bands(model: ValueModel) -> list[Band]:
    """Those who bought once, then the others from the highest P(alive) down; they add up to all."""
    whole = model.counts["all"]
    return [_band(row, whole) for row in model.counts["bands"]]


def _band(row: dict[str, Any], whole: dict[str, Any]) -> Band:
    net, all_net = Decimal(row["net"]), Decimal(whole["net"])
    return Band(
        row["code"],
        row["n"],
        row["orders"],
        net,
        row["n"] / (whole["n"] or 1),
        float(net / all_net) if all_net else 0.0,
    )


def people(book: str, wanted: str = VALUABLE, band: str = "") -> QuerySet[CustomerValue]:
    """Customers of a book with what is expected of them: all, those about to leave, or those in a band (`40-60`)."""
    found = CustomerValue.objects.filter(book=book, customer__merged_into__isnull=True)
    found = found.select_related("customer", "customer__facts")
    if wanted == LEAVING_LIST:
        found = found.filter(p_alive__gte=LEAVING[0], p_alive__lte=LEAVING[1])
    bounds = {f"{low}-{high}": (low / 100, high / 100) for low, high in BANDS}.get(band)
    if bounds is None:
        return found
    low, high = bounds
    # Who bought once is alive by definition and stands in a band of their own.
    found = found.filter(p_alive__gte=low, customer__facts__purchase_days__gt=1)
    return found if high == 1 else found.filter(p_alive__lt=high)
