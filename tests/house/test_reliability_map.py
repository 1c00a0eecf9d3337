"""docs/reliability.md names a test for every failure: each must exist, and no failure may be left out."""

import ast
import re
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
FIELD = [*range(1, 25), *range(26, 30), 33, *range(35, 39), 44, 46]
FAULTS = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16, 17]
_NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(page: str) -> dict[str, list[tuple[str, str]]]:
    """F1, X1 … → the tests that its row names."""
    lines = (re.match(r"\| ([FX]\d+) \|", line) for line in page.splitlines())
    return {found.group(1): _NAME.findall(found.string) for found in lines if found}


@lru_cache(maxsize=256)
def names_in(path: str) -> frozenset[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text()) if file.exists() else ast.Module([], [])
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def missing(page: str) -> list[str]:
    named = [(row, *test) for row, tests in rows(page).items() for test in tests]
    return [f"{row}: {path}::{name}" for row, path, name in named if name not in names_in(path)]


def test_every_failure_has_a_row_that_names_a_test() -> None:
    found = rows(PAGE.read_text())
    wanted = [f"F{number}" for number in FIELD] + [f"X{number}" for number in FAULTS]
    assert [row for row in wanted if not found.get(row)] == []


def test_every_test_that_the_page_names_exists() -> None:
    assert missing(PAGE.read_text()) == []


def test_a_planted_name_of_no_test_is_found() -> None:
    page = "| F1 | something | `tests/house/test_reliability_map.py::test_that_nobody_wrote` |"
    assert missing(page) == ["F1: tests/house/test_reliability_map.py::test_that_nobody_wrote"]
