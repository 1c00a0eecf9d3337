from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    label = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        # Their modules hold models, which exist only now.
        from crm_suite.jobs.services import register_kind
        from customers.loyalty import programme_changed
        from customers.signals import person_erased
        from orders import programme, quality, receivers
        from orders.importers import undo
        from orders.signals import import_finished, orders_changed

        register_kind("import_orders", "orders.tasks.run_import")
        register_kind(undo.KIND, "orders.tasks.run_undo")
        register_kind(programme.KIND, "orders.tasks.run_programme")
        register_kind(quality.KIND, "orders.tasks.run_quality")
        orders_changed.connect(receivers.after_orders_changed, dispatch_uid="orders.points")
        import_finished.connect(receivers.after_import, dispatch_uid="orders.tiers")
        person_erased.connect(receivers.when_erased, dispatch_uid="orders.erasing")
        programme_changed.connect(receivers.after_programme_changed, dispatch_uid="orders.programme")
