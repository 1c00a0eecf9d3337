"""Templates that only print fields, compiled once into what never changes and the blanks between. Pure.

Liquid walks its tree for every copy; here a copy is one list of pieces, and what never changes is the same object in
every copy, so that it is also encoded once. What is not as plain as that is left to Liquid: the letters are the same
either way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from liquid import BoundTemplate, Markup, RenderContext, escape
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, PositionalArgument, StringLiteral
from liquid.builtin.output import OutputNode

#: Longer than this and Liquid's own limits are to judge.
MOST_CHARACTERS = 40_000
#: Names that Liquid knows by itself.
_LIQUIDS_OWN = {"now", "today"}


@dataclass(frozen=True, slots=True)
class Blank:
    """Where a field goes. `missing` is printed where it has no value; None: then there is nothing to print."""

    field: str
    missing: str | None


@dataclass(frozen=True, slots=True)
class Form:
    """Literal, blank, literal, blank … literal. `order`: which of `blanks` stands where; the same may come again."""

    literals: tuple[str, ...]
    order: tuple[int, ...]
    blanks: tuple[Blank, ...]


class Words:
    """A parsed template. Raises what Liquid raises."""

    def __init__(self, template: BoundTemplate) -> None:
        self._template, self._escapes = template, bool(template.env.autoescape)
        self._form = _form(template)

    @property
    def is_plain(self) -> bool:
        """Whether it is filled without Liquid."""
        return self._form is not None

    def global_variable_paths(self) -> list[str]:
        return self._template.global_variable_paths()

    def render(self, **values: object) -> str:
        return "".join(self.pieces(values))

    def pieces(self, values: Mapping[str, object]) -> list[str]:
        """The text in pieces: those at even places are alike in all copies, those at odd places are this copy's own."""
        return self._filled(values) or ["", self._template.render(**values), ""]

    def _filled(self, values: Mapping[str, object]) -> list[str] | None:
        if self._form is None:
            return None
        own = [self._value(blank, values) for blank in self._form.blanks]
        if None in own:
            return None
        pieces = [""] * (2 * len(self._form.order) + 1)
        pieces[::2] = self._form.literals
        pieces[1::2] = [own[number] or "" for number in self._form.order]
        return pieces if sum(map(len, pieces)) <= MOST_CHARACTERS else None

    def _value(self, blank: Blank, values: Mapping[str, object]) -> str | None:
        value = values.get(blank.field)
        if type(value) is str and value:
            return _lines(str(escape(value)) if self._escapes else value)
        if type(value) is int:
            return str(value)
        return blank.missing if value is None and blank.field not in values else None


def _form(template: BoundTemplate) -> Form | None:
    """None where it takes more than blanks."""
    literals, order = [""], []
    numbers: dict[Blank, int] = {}
    for node in template.nodes:
        if isinstance(node, ContentNode):
            literals[-1] += _lines(node.text)
        elif (blank := _blank(template, node)) is not None:
            order.append(numbers.setdefault(blank, len(numbers)))
            literals.append("")
        else:
            return None
    return Form(tuple(literals), tuple(order), tuple(numbers))


def _blank(template: BoundTemplate, node: Node) -> Blank | None:
    """`{{ field }}` or `{{ field | default: "words" }}`."""
    if not isinstance(node, OutputNode) or type(node.expression) is not FilteredExpression:
        return None
    left, filters = node.expression.left, node.expression.filters or []
    if not isinstance(left, Path) or len(left.path) != 1 or not isinstance(left.path[0], str):
        return None
    name = left.path[0]
    if name in _LIQUIDS_OWN or len(filters) > 1:
        return None
    if not filters:
        return Blank(name, None)
    words = filters[0].args[0] if len(filters[0].args) == 1 else None
    if filters[0].name != "default" or not isinstance(words, PositionalArgument):
        return None
    if not isinstance(words.value, StringLiteral):
        return None
    return Blank(name, _printed(words.value, template))


def _printed(words: StringLiteral, template: BoundTemplate) -> str:
    """As Liquid prints it: what stands in the template itself is not escaped again."""
    value = words.evaluate(RenderContext(template))
    is_safe = isinstance(value, Markup) or not template.env.autoescape
    return _lines(str(value) if is_safe else str(escape(str(value))))


def _lines(text: str) -> str:
    """With the ends of lines that Liquid's output has, whoever typed them."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
