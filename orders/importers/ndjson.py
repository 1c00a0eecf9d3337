"""NDJSON, one JSON object a line, as CSV: nested objects flattened with dots, lists kept as JSON text."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from orders.importers.limits import LARGEST_PLAIN, LONGEST_CELL, MOST_COLUMNS

DEEPEST = 20  # objects within objects; what is deeper stays JSON text
CHECKED = 1_000  # rows written between two looks at the size


class _Written(str):
    """A number as it stands in the file: read as a float it would lose digits."""


def as_csv(source: Path, target: Path, *, encoding: str) -> None:
    """Write the objects as UTF-8 CSV; columns in the order in which they first occur.

    Raises BadInput naming the line that is no JSON object, or where there are more than 2,000 columns.
    """
    columns: dict[str, None] = {}
    for row in _rows(source, encoding):
        columns |= dict.fromkeys(row)
        if len(columns) > MOST_COLUMNS:
            raise BadInput(_("The table has more than 2,000 columns."), code="too_many_columns")
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        for number, row in enumerate(_rows(source, encoding)):
            writer.writerow([row.get(column, "") for column in columns])
            if number % CHECKED == 0 and out.tell() > LARGEST_PLAIN:
                raise BadInput(_("The table is larger than 2 GB."), code="file_too_large")


def _rows(source: Path, encoding: str) -> Iterator[dict[str, str]]:
    with source.open(encoding=encoding, newline="\n") as file:
        number = 0
        while line := file.readline(LONGEST_CELL):
            number += 1
            if line.strip():
                yield _row(line, number)


def _row(line: str, number: int) -> dict[str, str]:
    try:
        found = json.loads(line, parse_int=_Written, parse_float=_Written, parse_constant=_Written)
        if not isinstance(found, dict):
            raise ValueError
        row = dict(_flat(found))
        "".join([*row, *row.values()]).encode()  # half a character, as "\ud83d" is one, cannot be written
    except (ValueError, RecursionError):
        raise BadInput(
            _("Line %(number)s is no JSON object. Each line has to be one, of at most a megabyte.")
            % {"number": number},
            code="bad_json",
        ) from None
    return row


def _flat(found: dict[str, object], before: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    for key, value in found.items():
        name = f"{before}{key}".replace("\x00", "")
        if isinstance(value, dict) and value and depth < DEEPEST:
            yield from _flat(value, f"{name}.", depth + 1)
        else:
            yield name, _text(value).replace("\x00", "")


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    if isinstance(value, _Written):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(str(key))}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
