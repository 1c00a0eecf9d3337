"""Static files: our own, and the few that the pages take from the npm packages."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder, FileSystemFinder
from django.core.checks import CheckMessage
from django.core.files.storage import FileSystemStorage, Storage as FileStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class AppFinder(AppDirectoriesFinder):
    """Static files of installed apps, without settings.STATIC_UNUSED."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[tuple[str, FileStorage]]:
        return super().list([*(ignore_patterns or []), *settings.STATIC_UNUSED])


class PackageFinder(FileSystemFinder):
    """Finds what settings.STATIC_PACKAGES names under node_modules, and nothing else there."""

    def __init__(self, app_names: Sequence[str] | None = None) -> None:
        node_modules = Path(settings.BASE_DIR) / "node_modules"
        self.patterns = {prefix: patterns for prefix, (_, patterns) in settings.STATIC_PACKAGES.items()}
        self.locations = [
            (prefix, str(node_modules / folder)) for prefix, (folder, _) in settings.STATIC_PACKAGES.items()
        ]
        self.storages = {}
        for prefix, root in self.locations:
            storage = FileSystemStorage(location=root)
            storage.prefix = prefix  # type: ignore[attr-defined]
            self.storages[root] = storage

    def check(self, **kwargs: object) -> list[CheckMessage]:
        """STATICFILES_DIRS is the other finder's to check."""
        return []

    def list(self, ignore_patterns: object) -> Iterator[tuple[str, FileStorage]]:
        for prefix, root in self.locations:
            for pattern in self.patterns[prefix]:
                for file in sorted(Path(root).glob(pattern)):
                    yield str(file.relative_to(root)), self.storages[root]

    def find_location(self, root: str, path: str, prefix: str | None = None) -> str | None:
        found = super().find_location(root, path, prefix)
        named = found and any(fnmatch(str(Path(found).relative_to(root)), one) for one in self.patterns[prefix or ""])
        return found if named else None


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Hashed names and compressed copies. Source maps are not shipped, so references to them are left alone."""

    patterns = tuple(
        (glob, tuple(one for one in patterns if "sourceMappingURL" not in str(one)))
        for glob, patterns in CompressedManifestStaticFilesStorage.patterns
    )
