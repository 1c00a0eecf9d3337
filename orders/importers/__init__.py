"""The layouts that an order file may have. A new platform is one more small file and one more line here."""

from collections.abc import Sequence

from orders.importers.layout import Layout
from orders.importers.mapped import Mapped
from orders.importers.online_retail import OnlineRetail

LAYOUTS: tuple[Layout, ...] = (OnlineRetail(), Mapped())


def layout_named(name: str) -> Layout | None:
    return next((layout for layout in LAYOUTS if layout.name == name), None)


def recognise(header: Sequence[str]) -> Layout | None:
    """The layout whose columns these are, or None: then somebody has to assign them."""
    return next((layout for layout in LAYOUTS if layout.recognises(header)), None)
