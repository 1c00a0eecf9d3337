"""What has to stand before the site can run. Every step is skipped when its result is there already."""

import hashlib
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

from crm_suite import catalogues
from crm_suite.access.models import User
from crm_suite.access.roles import OWNER
from crm_suite.access.services import create_person
from customers.models import Shop

PASSWORD_BYTES = 12


def prepare_files() -> None:
    """Translations and static files, as far as they changed since the last time."""
    catalogues.compile_stale()
    stamp, print_now = Path(settings.STATIC_ROOT) / ".collected", _fingerprint_of_static_files()
    if not stamp.exists() or stamp.read_text() != print_now:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(print_now)


def create_first_owner(*, email: str) -> str | None:
    """Makes the owner of a new installation and returns the password, known from now on to the reader alone.

    None when somebody can sign in already.
    """
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    create_person(email=email, password=password, roles=[OWNER])
    return password


def load_demo_if_empty() -> bool:
    """Loads the demo shop into an installation without any shop; says whether it did."""
    if Shop.objects.exists():
        return False
    call_command("demo")
    return True


def _fingerprint_of_static_files() -> str:
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
