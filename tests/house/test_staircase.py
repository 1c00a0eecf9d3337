"""Each room may import the rooms below it and none above."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
ROOMS = ("crm_suite", "customers", "orders", "touchpoints", "segmentation", "campaigns")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    lint = Path(sys.executable).parent / "lint-imports"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [lint, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def copy_of_the_house(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(HOUSE / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    return tmp_path


def test_nobody_leans_upwards() -> None:
    result = lint_imports(HOUSE)
    assert result.returncode == 0, result.stdout


PLANTED = {
    "customers/models.py": "orders.models",
    "orders/models.py": "touchpoints.models",
    "touchpoints/models.py": "segmentation.models",
    "segmentation/models.py": "campaigns.models",
    "campaigns/models.py": "crm_suite.pages.navigation",
    "crm_suite/jobs/models.py": "customers.models",
    "crm_suite/lib/days.py": "crm_suite.access.models",
}


def test_planted_imports_upwards_are_found_each_of_them(copy_of_the_house: Path) -> None:
    for lower, upper in PLANTED.items():
        with (copy_of_the_house / lower).open("a") as file:
            file.write(f"\nimport {upper}\n")
    result = lint_imports(copy_of_the_house)
    assert result.returncode != 0
    for lower, upper in PLANTED.items():
        module = lower.removesuffix(".py").replace("/", ".")
        assert f"{module} -> {upper}" in result.stdout
