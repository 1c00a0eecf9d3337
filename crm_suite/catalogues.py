"""`python -m crm_suite.catalogues`: compiles translations (.po → .mo) that changed, without needing gettext."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parent.parent / "locale"


def compile_stale(folder: Path = LOCALE) -> list[Path]:
    """Compiles every catalogue under `folder` whose .mo is missing or older than its .po; returns those .po files."""
    stale = [source for source in sorted(folder.glob("*/LC_MESSAGES/*.po")) if _is_stale(source)]
    for source in stale:
        _compile(source)
    return stale


def _is_stale(source: Path) -> bool:
    target = source.with_suffix(".mo")
    return not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path) -> None:
    with source.open("rb") as file:
        catalogue = read_po(file)
    target = source.with_suffix(".mo")
    # Written beside and renamed: a process that starts meanwhile must not read half a catalogue.
    fresh = target.with_suffix(".mo.new")
    with fresh.open("wb") as file:
        write_mo(file, catalogue)
    fresh.replace(target)


if __name__ == "__main__":
    for compiled in compile_stale():
        print(f"compiled {compiled}")
