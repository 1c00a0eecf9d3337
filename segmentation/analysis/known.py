"""What the facts say so far: read beside the purchases, so that only what differs is written at all."""

import numpy as np
from numpy.typing import NDArray

from segmentation.analysis.copying import copy_out
from segmentation.analysis.people import LABEL
from segmentation.analysis.reading import PLATFORMS, Who, places
from segmentation.lifecycle import STAGES
from segmentation.rfm import GROUPS

#: Instead of labels: somebody without facts; somebody whose other facts are not what was read.
MISSING, DIFFERS = -1, -2

#: Bits of each label in one number.
_PLACES = {"r": 0, "f": 3, "m": 6, "group": 9, "stage": 13}
_UNKNOWN = 1 << 16
_NEVER = np.iinfo(np.int32).min  # a day −infinity on the wire

#: Facts as they are read: `labels` packed, `platforms` a hash of the array.
FACTS = np.dtype(
    [
        ("customer", "i8"), ("labels", "i4"), ("orders", "i4"), ("days", "i4"), ("net", "i8"), ("refunds", "i4"),
        ("first", "i4"), ("last", "i4"), ("gap", "i4"), ("platforms", "i8"),
    ]
)  # fmt: skip


def _coded(column: str, words: list[str], place: int) -> str:
    known = " ".join(f"WHEN '{word}' THEN {code << place}" for code, word in enumerate(words))
    return f"CASE {column} {known} ELSE {_UNKNOWN} END"


# Amounts as minor units, labels as one number: a row of one width, and half as many columns.
_FACTS = f"""
    SELECT customer_id, (r_score + (f_score << {_PLACES["f"]}) + (m_score << {_PLACES["m"]}))
        + {_coded('"group"', [*GROUPS, ""], _PLACES["group"])} + {_coded("stage", [*STAGES], _PLACES["stage"])}
        + CASE WHEN book = %s THEN 0 ELSE {_UNKNOWN} END,
      orders, purchase_days, (net_amount * 100)::bigint, refunds, coalesce(first_paid_on, '-infinity'),
      coalesce(last_paid_on, '-infinity'), coalesce(median_gap, -1), hash_array_extended(platforms, 0)
    FROM customers_customerfacts WHERE {{who}} ORDER BY customer_id
"""  # noqa: S608  our own words
_HASHES = """
    SELECT hash_array_extended(ARRAY(
        SELECT code FROM unnest(%s::varchar[]) WITH ORDINALITY AS known (code, place)
        WHERE (mask >> (place - 1)::int) & 1 = 1 ORDER BY code)::varchar[], 0)
    FROM unnest(%s::int[]) WITH ORDINALITY AS seen (mask, at) ORDER BY at
"""


def facts(who: Who, *, book: str) -> NDArray[np.void]:
    """What is known so far; labels of another book are none that anybody has here."""
    condition, values = who.among("customer_id")
    return copy_out(_FACTS.format(who=condition), [book, *values], FACTS)


def pack(labels: NDArray[np.void]) -> NDArray[np.int32]:
    """Scores, group and stage of each person as one number."""
    assert labels.dtype == LABEL
    packed = np.zeros(len(labels), np.int32)
    for name, place in _PLACES.items():
        packed |= labels[name].astype(np.int32) << place
    return packed


def labels_in_force(people: NDArray[np.void], facts: NDArray[np.void]) -> NDArray[np.int32]:
    """Packed labels of everybody whose other facts are as they were read; else MISSING or DIFFERS."""
    found = np.full(len(people), MISSING, np.int32)
    place, is_there = places(facts["customer"], people["customer"])
    people, known = people[is_there], facts[place[is_there]]
    bought = people["orders"] > 0
    same = known["platforms"] == _platform_hashes(people["platforms"])
    for name in ("orders", "days", "net", "refunds", "gap"):
        same &= known[name] == people[name]
    for name in ("first", "last"):
        same &= known[name] == np.where(bought, people[name], _NEVER)
    found[is_there] = np.where(same, known["labels"], DIFFERS)
    return found


def _platform_hashes(masks: NDArray[np.int32]) -> NDArray[np.int64]:
    """What the database's own hash makes of each combination of platforms: 64 bits, no two of them alike."""
    seen, at = np.unique(masks, return_inverse=True)
    found = copy_out(_HASHES, [PLATFORMS, seen.tolist()], np.dtype([("hash", "i8")]))
    return np.asarray(found["hash"][at], dtype=np.int64)
