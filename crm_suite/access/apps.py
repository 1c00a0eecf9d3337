from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "crm_suite.access"
    label = "access"
    verbose_name = _("Access")

    def ready(self) -> None:
        from crm_suite.access import checks  # noqa: F401  (registers the check)
        from crm_suite.access.roles import sync_roles

        # Once, after the last app: permissions of every app exist by then.
        post_migrate.connect(sync_roles, dispatch_uid="sync_roles")
