from django.apps import AppConfig

# Tasks declared with @shared_task belong to this application; without it they would go to a broker on localhost.
from crm_suite.celery import app as celery_app

__all__ = ["CrmSuiteConfig", "celery_app"]


class CrmSuiteConfig(AppConfig):
    """Holds the commands that compose every room (`up`, `demo`); it has no tables."""

    name = "crm_suite"
    label = "crm_suite"
