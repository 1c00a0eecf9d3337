"""The product's settings for the process that measures other ways of sending: with django-post_office installed."""

from crm_suite.settings import *  # noqa: F403
from crm_suite.settings import INSTALLED_APPS as _OURS

INSTALLED_APPS = [*_OURS, "post_office"]
POST_OFFICE = {
    "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
    "BATCH_SIZE": 1_000_000,
    "THREADS_PER_PROCESS": 5,
    "LOG_LEVEL": 0,
}
LOGGING_CONFIG = None
