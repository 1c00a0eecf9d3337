from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "crm_suite.access"
    label = "access"
    verbose_name = _("Access")

    def ready(self) -> None:
        from crm_suite.access import checks, receivers  # noqa: F401  (importing `checks` registers it)
        from crm_suite.access.roles import sync_roles

        # Once, after the last app: permissions of every app exist by then.
        post_migrate.connect(sync_roles, dispatch_uid="sync_roles")
        user_logged_in.connect(receivers.signed_in, dispatch_uid="audit_sign_in")
        user_login_failed.connect(receivers.sign_in_failed, dispatch_uid="audit_failed_sign_in")
