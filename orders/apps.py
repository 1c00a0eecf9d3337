from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    label = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        # Its module holds models, which exist only now.
        from crm_suite.jobs.services import register_kind

        register_kind("import_orders", "orders.tasks.run_import")
