"""Taking a file in: onto the disk under our own name, measured and fingerprinted on the way."""

import hashlib
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePath

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from customers.models import Shop
from orders.models import ImportFile

LARGEST = 200 * 1024 * 1024  # bytes as uploaded
FOLDER = "imports"
MEGABYTE = 1024 * 1024
LONGEST_NAME = 90  # it becomes part of titles


def receive(*, shop: Shop, name: str, chunks: Iterable[bytes]) -> ImportFile:
    """Store an uploaded file of at most 200 MB. The visitor's name is remembered, never used as a path."""
    path = PurePath(FOLDER) / f"{uuid.uuid4().hex}.upload"
    target = Path(settings.MEDIA_ROOT) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        size, digest = _write(target, chunks, room=_room())
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return ImportFile.objects.create(shop=shop, name=shown_name(name), path=str(path), size=size, sha256=digest)


def shown_name(name: str) -> str:
    """The last step of whatever path the visitor's name is, without signs that cannot be shown or stored."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(sign for sign in last if sign.isprintable()).strip()
    if not shown.strip("."):
        return "upload"
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 21]}…{shown[-20:]}"


def stored(import_file: ImportFile) -> Path:
    return Path(settings.MEDIA_ROOT) / import_file.path


def is_kept(import_file: ImportFile) -> bool:
    """Whether the uploaded bytes are still there."""
    return bool(import_file.path) and stored(import_file).is_file()


def remove(import_file: ImportFile) -> None:
    if import_file.path:
        stored(import_file).unlink(missing_ok=True)


def working_copy(import_file: ImportFile) -> Path:
    """Where the file lies as clean UTF-8 while it is being checked and imported."""
    return stored(import_file).with_suffix(".csv")


def _room() -> int:
    """Bytes that further uploads may take, by IMPORT_QUOTA_MB over all files that are still kept."""
    used = ImportFile.objects.exclude(path="").aggregate(used=Sum("size"))["used"] or 0
    return int(settings.IMPORT_QUOTA_MB) * MEGABYTE - used


def _write(target: Path, chunks: Iterable[bytes], *, room: int) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with target.open("xb") as file:
        target.chmod(0o600)
        for chunk in chunks:
            size += len(chunk)
            if size > LARGEST:
                raise BadInput(_("The file is larger than 200 MB. Compress it with gzip."), code="file_too_large")
            if size > room:
                words = _("There is no room for this file: uploads may take %(quota)s MB. Delete files of old imports.")
                raise BadInput(words % {"quota": settings.IMPORT_QUOTA_MB}, code="quota")
            digest.update(chunk)
            file.write(chunk)
    if not size:
        raise BadInput(_("The file is empty."), code="file_empty")
    return size, digest.hexdigest()
