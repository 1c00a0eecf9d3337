"""Opens the uploads of a folder in a process of its own and tells how that ended and what memory it took."""

import json
import resource
import sys
from pathlib import Path

import django

django.setup()

from crm_suite.lib.errors import BadInput  # noqa: E402  Django first
from orders.importers import opening, spreadsheets  # noqa: E402


def ending(path: Path) -> str:
    try:
        opening.clean_copy(path, path.with_suffix(".csv"))
    except BadInput as refused:
        return refused.code
    return "read"


def own_peak() -> int:
    """Megabytes. Not by getrusage, which begins with the memory of whoever started this process."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


if __name__ == "__main__":
    spreadsheets.SECONDS = 10
    codes = [ending(path) for path in sorted(Path(sys.argv[1]).glob("*.upload"))]
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(json.dumps({"codes": codes, "own_mb": own_peak(), "children_mb": children}))
