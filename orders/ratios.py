"""Ratios of sales figures, told once for everything that counts revenue, orders and buyers."""

from decimal import Decimal
from typing import TYPE_CHECKING


class Ratios:
    orders: int
    buyers: int
    returning: int
    if TYPE_CHECKING:  # at run time a dataclass would take it for its field's default

        @property
        def revenue(self) -> Decimal: ...

    @property
    def repeat_share(self) -> float | None:
        """Returning ÷ buyers, 0–1; None without buyers."""
        return self.returning / self.buyers if self.buyers else None

    @property
    def average_order(self) -> Decimal | None:
        """Revenue ÷ orders; None without orders."""
        return self.revenue / self.orders if self.orders else None
