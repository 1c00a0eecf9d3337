"""What the workers of a run lay down for one another, in two tables of names that any of them can work out.

What was read of a range lies there as the bytes of its arrays; rows that have to be written lie there as rows.
"""

from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from segmentation.analysis.copying import copy_in, put_away, take_out
from segmentation.analysis.people import LABEL
from segmentation.analysis.summary import PERSON

_PEOPLE = [name for name in PERSON.names or () if not name.startswith("window_")]
#: A person whose facts have to be written; `missing` where there are none yet.
CHANGE = np.dtype(
    [*((name, PERSON[name].str[1:]) for name in _PEOPLE), *((name, LABEL[name].str[1:]) for name in LABEL.names or ()),
     ("missing", "i2")]
)  # fmt: skip
_VALUES = np.dtype([(name, PERSON[name].str[1:]) for name in ("last", "window_orders", "window_days", "window_net")])
_LABELS = np.dtype("i4")
_SQL = {"i2": "smallint", "i4": "int", "i8": "bigint"}


@dataclass(frozen=True)
class Shelf:
    """The ranges of a full run as they were read."""

    run: int

    @property
    def table(self) -> str:
        return f"analysis_{int(self.run)}_read"

    def create(self) -> None:
        """An unlogged table: what is lost with the server is read again. Its arrays do not pack well."""
        _run(f"CREATE UNLOGGED TABLE {self.table} (number int, people bytea, labels bytea, figures bytea)")
        steps = (f"ALTER COLUMN {column} SET STORAGE EXTERNAL" for column in ("people", "labels", "figures"))
        _run(f"ALTER TABLE {self.table} {', '.join(steps)}")

    def put(self, number: int, people: NDArray[np.void], labels: NDArray[np.int32]) -> None:
        """Keep the people of a range with their packed labels in force, and once more what scores are made of."""
        buyers = people[people["orders"] > 0]
        figures = np.empty(len(buyers), _VALUES)
        for name in _VALUES.names or ():
            figures[name] = buyers[name]
        put_away(self.table, number, [people, labels, figures])

    def people(self, number: int) -> NDArray[np.void]:
        return take_out(self.table, "people", number, PERSON)

    def labels(self, number: int) -> NDArray[np.int32]:
        return take_out(self.table, "labels", number, _LABELS)

    def buyers(self, number: int) -> NDArray[np.void]:
        """With nothing but what scores are made of: the one step that ranges cannot share waits for this."""
        found = take_out(self.table, "figures", number, _VALUES)
        people = np.zeros(len(found), PERSON)
        for name in _VALUES.names or ():
            people[name] = found[name]
        return people


@dataclass(frozen=True)
class Changes:
    """Rows to be written, in a table that all workers of a run append to; or temporary, for one connection."""

    name: str
    temporary: bool = False

    def create(self) -> None:
        columns = ", ".join(f'"{name}" {_SQL[CHANGE[name].str[1:]]}' for name in CHANGE.names or ())
        _run(f"CREATE {'TEMPORARY' if self.temporary else 'UNLOGGED'} TABLE {self.name} ({columns})")

    def add(self, rows: NDArray[np.void]) -> None:
        assert rows.dtype == CHANGE
        if len(rows):
            copy_in(self.name, rows)

    def drop(self) -> None:
        _run(f"DROP TABLE IF EXISTS {self.name}")


def changes_of(run: int) -> Changes:
    return Changes(f"analysis_{int(run)}_changed")


def clear(run: int) -> None:
    """Take away what is left of a run, whoever died meanwhile."""
    _run(f"DROP TABLE IF EXISTS {Shelf(run).table}, {changes_of(run).name}")


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
