"""Taking a file in: onto the disk under our own name, measured and fingerprinted on the way."""

import hashlib
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePath

from django.conf import settings
from django.utils.translation import gettext as _

from crm_suite.lib.errors import BadInput
from customers.models import Shop
from orders.models import ImportFile

LARGEST = 200 * 1024 * 1024  # bytes as uploaded
FOLDER = "imports"


def receive(*, shop: Shop, name: str, chunks: Iterable[bytes]) -> ImportFile:
    """Store an uploaded file of at most 200 MB. The visitor's name is remembered, never used as a path."""
    path = PurePath(FOLDER) / f"{uuid.uuid4().hex}.upload"
    target = Path(settings.MEDIA_ROOT) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        size, digest = _write(target, chunks)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return ImportFile.objects.create(
        shop=shop, name=PurePath(name).name[:255], path=str(path), size=size, sha256=digest
    )


def stored(import_file: ImportFile) -> Path:
    return Path(settings.MEDIA_ROOT) / import_file.path


def working_copy(import_file: ImportFile) -> Path:
    """Where the file lies as clean UTF-8 while it is being checked and imported."""
    return stored(import_file).with_suffix(".csv")


def _write(target: Path, chunks: Iterable[bytes]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with target.open("xb") as file:
        target.chmod(0o600)
        for chunk in chunks:
            size += len(chunk)
            if size > LARGEST:
                raise BadInput(_("The file is larger than 200 MB. Compress it with gzip."), code="file_too_large")
            digest.update(chunk)
            file.write(chunk)
    if not size:
        raise BadInput(_("The file is empty."), code="file_empty")
    return size, digest.hexdigest()
