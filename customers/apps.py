from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    name = "customers"
    label = "customers"
    verbose_name = _("Customers")

    def ready(self) -> None:
        # Their modules hold models, which exist only now.
        from crm_suite.jobs.services import register_kind
        from customers.exports import KIND

        register_kind(KIND, "customers.tasks.export_customers")
