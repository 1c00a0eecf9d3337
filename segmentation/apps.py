from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SegmentationConfig(AppConfig):
    name = "segmentation"
    label = "segmentation"
    verbose_name = _("Segmentation")

    def ready(self) -> None:
        # Models exist only from here on.
        from crm_suite.jobs.services import register_kind
        from customers.moving import keep_apart
        from customers.signals import customers_merged
        from orders.signals import import_finished
        from segmentation import baskets, growth_store, receivers, services
        from segmentation.clv import services as value_services
        from segmentation.models import CustomerValue, LabelChange

        register_kind(services.KIND, "segmentation.tasks.run_analysis")
        register_kind(baskets.KIND, "segmentation.tasks.run_baskets")
        register_kind(growth_store.KIND, "segmentation.tasks.run_growth")
        register_kind(value_services.KIND, "segmentation.tasks.run_value_model")
        import_finished.connect(receivers.after_import, dispatch_uid="segmentation.after_import")
        customers_merged.connect(receivers.after_merge, dispatch_uid="segmentation.after_merge")
        # Two histories of stages, mixed, would say nothing of either.
        keep_apart(LabelChange)
        keep_apart(CustomerValue)
