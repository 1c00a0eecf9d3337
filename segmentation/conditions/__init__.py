"""Conditions over rows: what was bought, said, sent and once was. Each is a leaf of a rule under a key of its own."""

from collections.abc import Mapping

from segmentation.conditions.base import Condition
from segmentation.conditions.contacts import TOUCHPOINTS
from segmentation.conditions.history import WAS
from segmentation.conditions.purchases import ORDERS

_known: dict[str, Condition] = {one.key: one for one in (ORDERS, TOUCHPOINTS, WAS)}

#: By the key in the rule; in the order in which the editor offers them.
CONDITIONS: Mapping[str, Condition] = _known


def register(condition: Condition) -> None:
    """A room above this one lets rules ask about its rows. Called once, when the program starts."""
    _known[condition.key] = condition
