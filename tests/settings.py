"""The product's settings on the test run's own servers; only what makes tests slow differs."""

import os

from tests import servers

servers.start()

from crm_suite.settings import *  # noqa: E402, F403  the servers' folder must be known before

# Argon2 is slow on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
# Pages find their files without collectstatic.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True

# Each pytest-xdist worker has Valkey databases of its own, as it has a PostgreSQL database of its own.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 7
REDIS_URL = REDIS_URL.replace("db=0", f"db={2 * _worker + 2}")  # noqa: F405
CACHES["default"]["LOCATION"] = REDIS_URL.replace(f"db={2 * _worker + 2}", f"db={2 * _worker + 3}")  # noqa: F405
CELERY_BROKER_URL = CELERY_BROKER_URL.replace("virtual_host=0", f"virtual_host={2 * _worker + 2}")  # noqa: F405
