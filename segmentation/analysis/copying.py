"""Arrays to and from PostgreSQL by binary COPY: whole columns at once, no Python object per row."""

import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_PIECE = 1 << 20
_WIDTH = {"i2": 2, "i4": 4, "i8": 8}


def copy_out(query: str, params: Sequence[object] | Mapping[str, object], row: np.dtype[np.void]) -> NDArray[np.void]:
    """Rows of a query whose columns are never NULL and have exactly the integer types of `row`."""
    buffer = BytesIO()
    with connection.cursor() as cursor:
        bound = cursor.mogrify(query, params).decode()
        cursor.copy_expert(f"COPY ({bound}) TO STDOUT (FORMAT binary)", buffer)
    wire = _wire(row)
    size = len(buffer.getbuffer()) - len(_SIGNATURE) - len(_TRAILER)
    found = np.frombuffer(buffer.getbuffer(), wire, count=size // wire.itemsize, offset=len(_SIGNATURE))
    return _renamed(found, row)


def copy_in(table: str, rows: NDArray[np.void]) -> None:
    """Append `rows` to a table whose columns stand in the order of the array's fields."""
    wire = np.zeros(len(rows), _wire(rows.dtype))
    names = rows.dtype.names or ()
    wire["columns"] = len(names)
    for name in names:
        wire[f"{name} size"] = rows.dtype[name].itemsize
        wire[name] = rows[name]
    with connection.cursor() as cursor:
        file = BytesIO(_SIGNATURE + wire.tobytes() + _TRAILER)
        cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT binary)", file, size=_PIECE)


def put_away(table: str, number: int, arrays: Sequence[NDArray[Any]]) -> None:
    """Append one row of `number` and the bytes of each array to a table of an int and as many bytea."""
    parts = [struct.pack(">hii", len(arrays) + 1, 4, number)]
    for array in arrays:
        held = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        parts += [struct.pack(">i", len(held)), held]
    with connection.cursor() as cursor:
        wire = BytesIO(b"".join([_SIGNATURE, *parts, _TRAILER]))
        cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT binary)", wire, size=_PIECE)


def take_out(table: str, column: str, number: int, row: np.dtype[Any]) -> NDArray[Any]:
    """The array that was put away in that column under that number."""
    buffer = BytesIO()
    with connection.cursor() as cursor:
        query = f"SELECT {column} FROM {table} WHERE number = {int(number)}"  # noqa: S608  our own names
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", buffer)
    (size,) = struct.unpack_from(">i", buffer.getbuffer(), len(_SIGNATURE) + 2)
    held = np.dtype(row).newbyteorder("<")
    return np.frombuffer(buffer.getbuffer(), held, count=size // held.itemsize, offset=len(_SIGNATURE) + 6).astype(row)


def _wire(row: np.dtype[np.void]) -> np.dtype[np.void]:
    """A tuple on the wire: number of columns, then size and big-endian value of each."""
    fields: list[tuple[str, str]] = [("columns", ">i2")]
    for name in row.names or ():
        kind = row[name].str[1:]
        assert kind in _WIDTH, f"{name} is {kind}"
        fields += [(f"{name} size", ">i4"), (name, f">{kind}")]
    return np.dtype(fields)


def _renamed(found: NDArray[np.void], row: np.dtype[np.void]) -> NDArray[np.void]:
    rows = np.empty(len(found), row)
    for name in row.names or ():
        rows[name] = found[name]
    return rows
