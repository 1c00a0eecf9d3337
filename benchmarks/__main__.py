"""`python -m benchmarks`: every measurement, one after the other, each in a process and on servers of its own."""

import subprocess
import sys

MEASUREMENTS = ("imports", "spreadsheets", "analysis", "segments", "audience", "delivery", "receipts", "pages")


def main() -> int:
    named = sys.argv[1:] or MEASUREMENTS
    codes = [subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in named]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
