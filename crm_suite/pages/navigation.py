"""The left navigation: what exists, in which order, and who sees it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _, pgettext_lazy


@dataclass(frozen=True)
class Link:
    """One entry. `keys` is its keyboard shortcut after `g`; `also` names further pages that belong to it."""

    label: str | Promise
    url_name: str
    permission: str = ""
    icon: str = ""
    keys: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Several entries under one heading."""

    label: str | Promise
    icon: str
    links: tuple[Link, ...]


NAVIGATION: tuple[Link | Section, ...] = (
    Link(_("Home"), "pages:home", icon="bi-house", keys="h"),
    Section(_("Customers"), "bi-people", (
        Link(_("Customers"), "customers:list", "customers.list_customers", keys="c", also=("customers:detail",)),
        Link(_("Loyalty"), "customers:loyalty", "customers.list_customers", also=(
            "customers:tiers", "customers:tier_new", "customers:tier_edit", "customers:points_rules",
            "customers:points_rule",
        )),
        Link(_("Tags"), "customers:tags", "customers.list_customers"),
        Link(_("Communities"), "customers:communities", "customers.list_customers", also=(
            "customers:community", "customers:community_new", "customers:community_edit", "customers:community_add",
        )),
        Link(_("Duplicates"), "customers:duplicates", "customers.merge_customer", keys="u", also=(
            "customers:merges", "customers:merge",
        )),
    )),
    Section(_("Orders"), "bi-bag", (
        Link(_("Orders"), "orders:list", "orders.list_orders", keys="o", also=("orders:detail",)),
        Link(_("Sales"), "orders:sales", "orders.view_sales", keys="v"),
        Link(_("Platforms"), "orders:platforms", "orders.view_sales", keys="p", also=("orders:platform_people",)),
        Link(_("Products"), "orders:products", "orders.view_product", also=(
            "orders:product", "orders:best_products", "orders:product_costs", "orders:links", "orders:item",
        )),
        Link(_("Imports"), "orders:import_list", "orders.import_orders", keys="i", also=(
            "orders:import_new", "orders:import_source", "orders:import_map", "orders:import_check",
            "orders:import_detail", "orders:import_undo",
        )),
    )),
    Section(_("Insights"), "bi-grid-3x3-gap", (
        Link("RFM", "segmentation:rfm", "segmentation.view_insights", keys="r", also=("segmentation:options",)),
        Link(_("Lifecycle"), "segmentation:lifecycle", "segmentation.view_insights", keys="l", also=(
            "segmentation:calibrate", "segmentation:crossing_list",
        )),
        Link(_("Cohorts"), "segmentation:cohorts", "segmentation.view_insights"),
        Link(_("Growth"), "segmentation:growth", "segmentation.view_insights"),
        Link(_("Who moved"), "segmentation:moves", "segmentation.view_insights", also=("segmentation:moves_people",)),
        Link(_("Customer value"), "segmentation:value", "segmentation.view_insights", also=(
            "segmentation:value_people",
        )),
        Link(_("Bought together"), "segmentation:affinity", "segmentation.view_insights"),
        Link(_("Days between purchases"), "segmentation:intervals", "segmentation.view_insights"),
        Link(_("Acquisition"), "segmentation:acquisition", "segmentation.view_insights", also=(
            "segmentation:acquisition_unpaid", "segmentation:spend", "segmentation:spend_new",
            "segmentation:spend_edit",
        )),
    )),
    Link(
        _("Segments"), "segments:list", "segmentation.view_segment", icon="bi-pie-chart", keys="s",
        also=("segments:new", "segments:detail", "segments:edit"),
    ),
    Section(pgettext_lazy("menu", "Campaigns"), "bi-megaphone", (
        Link(_("Calendar"), "campaigns:calendar", "campaigns.view_planentry", keys="k", also=(
            "campaigns:entry", "campaigns:entry_new",
        )),
        Link(_("Campaigns"), "campaigns:list", "campaigns.view_campaign", keys="m", also=(
            "campaigns:new", "campaigns:step", "campaigns:detail", "campaigns:report", "campaigns:recipients",
            "campaigns:recipient",
        )),
        Link(_("To post"), "campaigns:posts", "campaigns.view_campaign"),
        Link(_("To upload"), "campaigns:platform_files", "campaigns.view_campaign"),
        Link(_("Templates"), "campaigns:template_list", "campaigns.view_template", also=(
            "campaigns:template_new", "campaigns:template_edit", "campaigns:template_versions", "campaigns:copies",
        )),
        Link(_("Deliverability"), "campaigns:deliverability", "campaigns.view_campaign", also=("campaigns:doubts",)),
    )),
    Section(_("Touchpoints"), "bi-chat-left-dots", (
        Link(pgettext_lazy("touchpoints", "Log"), "touchpoints:list", "touchpoints.view_touchpoint", keys="t"),
        Link(_("Opt-outs"), "customers:suppressions", "customers.view_suppression"),
    )),
    Section(pgettext_lazy("navigation", "Data"), "bi-database", (
        Link(_("Data quality"), "orders:quality", "orders.view_sales", keys="q"),
        Link(_("Jobs"), "jobs:list", "jobs.view_job", keys="j"),
    )),
    Section(_("Developers"), "bi-code-slash", (
        Link(_("API documentation"), "api:docs", ""),
        Link(_("API tokens"), "pages:tokens", "access.manage_tokens", also=("pages:token_new",)),
    )),
    Section(_("Settings"), "bi-gear", (
        Link(_("Overview"), "pages:settings", ""),
        Link(_("Shops"), "customers:shops", "customers.manage_shops", also=(
            "customers:shop_new", "customers:shop_edit",
        )),
        Link(_("Channels"), "campaigns:channels", "campaigns.manage_channels", also=(
            "campaigns:provider", "campaigns:provider_new", "campaigns:provider_add", "campaigns:provider_edit",
            "campaigns:provider_secrets",
        )),
        Link(_("Rules of sending"), "campaigns:rules", "campaigns.manage_channels"),
        Link(_("Team"), "pages:team", "access.manage_team", also=("pages:person_new", "pages:person_edit")),
        Link(_("Activity"), "pages:activity", "access.view_activity"),
        Link(_("System"), "pages:system", "access.view_system"),
    )),
)  # fmt: skip


@dataclass(frozen=True)
class ShownLink:
    label: str | Promise
    url: str
    icon: str
    keys: str
    is_current: bool
    section: str | Promise = ""


@dataclass(frozen=True)
class ShownSection:
    label: str | Promise
    icon: str
    links: tuple[ShownLink, ...]

    @property
    def is_current(self) -> bool:
        return any(link.is_current for link in self.links)


def navigation(request: HttpRequest) -> list[ShownLink | ShownSection]:
    """The entries that this person may open, the present one marked. A section without entries is left out."""
    shown: list[ShownLink | ShownSection] = []
    for entry in NAVIGATION:
        if isinstance(entry, Link):
            shown += _shown(request, entry)
        elif links := tuple(link for one in entry.links for link in _shown(request, one, entry.label)):
            shown.append(ShownSection(entry.label, entry.icon, links))
    return shown


def shortcuts(request: HttpRequest) -> list[ShownLink]:
    """The entries with a keyboard shortcut, for the overlay that `?` opens."""
    return [
        link
        for entry in navigation(request)
        for link in (entry.links if isinstance(entry, ShownSection) else (entry,))
        if link.keys
    ]


def _shown(request: HttpRequest, link: Link, section: str | Promise = "") -> Iterator[ShownLink]:
    if link.permission and not request.user.has_perm(link.permission):
        return
    here = request.resolver_match.view_name if request.resolver_match else ""
    yield ShownLink(
        link.label, reverse(link.url_name), link.icon, link.keys, here in (link.url_name, *link.also), section
    )
