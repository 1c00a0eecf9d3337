"""What a condition over rows has to be able to do."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from django.db.models import Q
from django.utils.functional import Promise

from customers.models import CustomerFacts
from segmentation.checks import Clock

Text = str | Promise
#: What the editor in the browser has to know of a condition; static/js/rule-conditions.js draws it.
Sketch = dict[str, Any]


class Condition(ABC):
    """A leaf `{key: {…}}`. `asked` is what `parse` made of the part behind the key."""

    key: ClassVar[str]
    label: ClassVar[Text]

    @abstractmethod
    def parse(self, given: object, path: str) -> Any:
        """What is asked for, typed. Raises BadRule naming the place."""

    @abstractmethod
    def compile(self, asked: Any, clock: Clock) -> Q:
        """The condition on CustomerFacts: only EXISTS, so that nobody is counted twice and NOT stays cheap."""

    def compile_each(self, asked: Any, clock: Clock) -> Q:
        """The same, as it is asked of one customer after the other: where only some are asked, or most of them fit."""
        return self.compile(asked, clock)

    @abstractmethod
    def is_dated(self, asked: Any) -> bool:
        """Whether days are counted back from the clock."""

    @abstractmethod
    def say(self, asked: Any) -> str:
        """In words, in the active language."""

    @abstractmethod
    def show(self, asked: Any, facts: CustomerFacts, clock: Clock) -> str:
        """What this customer has of it."""

    @abstractmethod
    def sketch(self) -> Sketch:
        """For the editor, in the active language."""
