"""What winning a customer costs under each price model. Pure: numbers in, numbers out, in one currency."""

from dataclasses import dataclass
from decimal import Decimal

FIXED, CPC, CPM, COMMISSION = "fixed", "cpc", "cpm", "commission"


@dataclass(frozen=True)
class PriceModel:
    """How a source is paid. Figures that are not known are None; shares are of 1.

    `fixed`: `price` for the whole, for which `quantity` visitors come. `cpc`: `price` per click, `quantity` clicks.
    `cpm`: `price` per thousand views, `quantity` views, of which `click_rate` are clicked. Of the visitors or clicks
    `conversion` become customers. `commission`: `rate` of what an order comes to.
    """

    kind: str
    price: Decimal | None = None
    quantity: int | None = None
    rate: Decimal | None = None
    click_rate: Decimal | None = None
    conversion: Decimal | None = None

    def spent(self) -> Decimal | None:
        """The whole bill; None where it hangs on something unknown, and for a commission, which hangs on the orders."""
        if self.price is None or self.kind == COMMISSION:
            return None
        if self.kind == FIXED:
            return self.price
        units = self._units()
        return None if self.quantity is None or units is None else self.price * self.quantity / units

    def per_customer(self, order_value: Decimal | None = None) -> Decimal | None:
        """The cost of one new customer as the model promises it; None where a share that it needs is not known.

        `order_value`: what a new customer's first order comes to, asked by a commission only.
        """
        if self.kind == COMMISSION:
            return None if self.rate is None or order_value is None else order_value * self.rate
        customers = self._customers_per_price()
        return self.price / customers if self.price is not None and customers else None

    def _units(self) -> int | None:
        """How many clicks or views one `price` buys."""
        return {CPC: 1, CPM: 1_000}.get(self.kind)

    def _customers_per_price(self) -> Decimal | None:
        """New customers that one `price` buys."""
        if self.conversion is None:
            return None
        if self.kind == FIXED:
            return None if self.quantity is None else self.quantity * self.conversion
        if self.kind == CPM:
            return None if self.click_rate is None else 1_000 * self.click_rate * self.conversion
        return self.conversion
