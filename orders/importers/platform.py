"""What the platforms' layouts have in common: header names to know a file by, and which of them means what."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from customers.models import Platform
from orders.importers import cells
from orders.importers.layout import Context, first_problem, staged
from orders.importers.reader import Reader

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class PlatformLayout:
    """One platform's export. A subclass names its columns; where a platform has oddities it overrides a method.

    `needs` are the headers that every file of this layout has, `lacks` those that would make it another layout.
    `columns` says for each field which headers may hold it, the best first; a file need not have all. `words` are the
    platform's own words for states, beside those of synonyms.py. `grain`: see Reader.
    """

    name: ClassVar[str]
    title: ClassVar["StrOrPromise"]
    platforms: ClassVar[tuple[Platform, ...]]
    subject: ClassVar[str] = "orders"
    needs: ClassVar[frozenset[str]]
    lacks: ClassVar[frozenset[str]] = frozenset()
    columns: ClassVar[Mapping[str, Sequence[str]]]
    words: ClassVar[Mapping[str, str]] = {}
    options: ClassVar[Mapping[str, str]] = {}
    grain: ClassVar[str] = ""
    reader: ClassVar[type[Reader]] = Reader

    def recognises(self, header: Sequence[str]) -> bool:
        return self.needs <= set(header) and not self.lacks & set(header)

    def stage(self, frame: pl.DataFrame, context: Context) -> pl.DataFrame:
        frame = self.clean(frame)
        read = self.reader(self._told(frame, context), frame.columns, grain=self.grain, words=self.words)
        frame = read.prepare(frame)
        return staged(frame, {**read.columns_of_rows(), **self.adjusted(read), **first_problem(self.checks(read))})

    def clean(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Cells of this platform brought into the common form, before anything reads them.

        A column that is added for a field is called `__…`: what is not a column of the file is not kept as extra data.
        """
        return frame

    def adjusted(self, read: Reader) -> dict[str, pl.Expr]:
        """Canonical columns that this platform tells in another way."""
        return {}

    def checks(self, read: Reader) -> list[tuple[pl.Expr, str, str]]:
        return read.checks()

    def _told(self, frame: pl.DataFrame, context: Context) -> Context:
        present = set(frame.columns)
        found = {
            field: next((name for name in names if name in present), None) for field, names in self.columns.items()
        }
        columns = {field: name for field, name in found.items() if name is not None}
        return replace(context, columns=columns, options={**self.options, **context.options})


def told(frame: pl.DataFrame, *names: str) -> pl.Expr:
    """What the first of these columns says that says something; the file need not have them."""
    return pl.coalesce(
        *[cells.text(pl.col(name)) for name in names if name in frame.columns], pl.lit(None, dtype=pl.String)
    )


def city_of(address: pl.Expr) -> pl.Expr:
    """The second of 省 市 区 …, where blanks part them. What has no city of its own (市辖区) is its province."""
    parts = address.str.extract_groups(r"^(?<first>\S+)\s+(?<second>\S+)\s+\S")
    first, second = parts.struct.field("first"), parts.struct.field("second")
    return pl.when(second.is_in(["市辖区", "县"])).then(first).otherwise(second).str.slice(0, 80)
