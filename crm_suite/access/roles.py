"""The roles of a store as Django groups. One place says what each may do; `sync_roles` writes it after migrate."""

from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext_lazy as _

OWNER, OPERATOR, SPECIALIST, ANALYST, AGENT = "owner", "operator", "specialist", "analyst", "agent"

LABELS = {
    OWNER: _("Owner"),
    OPERATOR: _("Operator"),
    SPECIALIST: _("CRM specialist"),
    ANALYST: _("Analyst"),
    AGENT: _("Service agent"),
}

_READ_LISTS = {
    "customers.list_customers", "customers.view_customer", "customers.export_customer",
    "orders.list_orders", "orders.view_order", "orders.view_sales", "orders.view_product",
    "touchpoints.view_touchpoint",
    "segmentation.view_insights", "segmentation.view_segment",
    "campaigns.view_campaign", "campaigns.view_planentry", "campaigns.view_template",
    "jobs.view_job",
}  # fmt: skip

_PLAN = {
    "customers.tag_customer", "customers.manage_communities",
    "segmentation.add_segment", "segmentation.change_segment", "segmentation.export_segment",
    "segmentation.manage_spend",
    "campaigns.add_planentry", "campaigns.change_planentry", "campaigns.delete_planentry",
    "campaigns.add_template", "campaigns.change_template",
    "campaigns.add_campaign", "campaigns.change_campaign",
    "jobs.cancel_job",
}  # fmt: skip

_OPERATE = {
    "orders.import_orders", "orders.export_orders", "customers.reveal_customer", "customers.change_customer",
    "customers.manage_shops", "customers.record_optout", "customers.view_suppression",
    "customers.merge_customer", "customers.manage_loyalty", "orders.manage_catalogue",
    "segmentation.run_analysis", "segmentation.set_bounds",
    "campaigns.launch_campaign", "campaigns.pause_campaign", "campaigns.approve_campaign", "access.view_system",
}  # fmt: skip

_OWN = {
    "customers.erase_customer", "customers.export_customer_clear", "customers.delete_suppression",
    "campaigns.manage_channels",
    "access.manage_team", "access.manage_tokens", "access.view_activity", "access.manage_demo",
}  # fmt: skip

PERMISSIONS: dict[str, set[str]] = {
    ANALYST: _READ_LISTS,
    SPECIALIST: _READ_LISTS
    | _PLAN
    | {"customers.record_optout", "campaigns.pause_campaign", "campaigns.launch_campaign"},
    OPERATOR: _READ_LISTS | _PLAN | _OPERATE,
    OWNER: _READ_LISTS | _PLAN | _OPERATE | _OWN,
    AGENT: {
        "customers.view_customer",
        "customers.tag_customer",
        "customers.record_optout",
        "orders.view_order",
        "touchpoints.view_touchpoint",
    },
}


def sync_roles(**_kwargs: object) -> None:
    """Make the groups be exactly what PERMISSIONS says. Runs after every migrate; people keep their groups."""
    known = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    for role, permissions in PERMISSIONS.items():
        group, _created = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in permissions if name in known])
