from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DemoConfig(AppConfig):
    name = "crm_suite.demo"
    label = "demo"
    verbose_name = _("Demo shop")

    def ready(self) -> None:
        from crm_suite.jobs.services import register_kind

        register_kind("demo_load", "crm_suite.demo.tasks.load")
        register_kind("demo_remove", "crm_suite.demo.tasks.remove")
