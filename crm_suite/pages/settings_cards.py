"""What can be set, with one sentence each."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm_suite.access.models import User


@dataclass(frozen=True)
class Card:
    title: str | Promise
    text: str | Promise
    url_name: str
    icon: str
    permission: str = ""


CARDS = (
    Card(
        _("Shops"), _("Name, platform, currency, time zone, sender and SMS signature."),
        "customers:shops", "bi-shop", "customers.manage_shops",
    ),
    Card(
        _("Points"), _("How orders of each shop earn points, and when points run out."),
        "customers:points_rules", "bi-gem", "customers.manage_loyalty",
    ),
    Card(
        _("Tiers"), _("The steps of the loyalty programme and what it takes to reach them."),
        "customers:tiers", "bi-award", "customers.manage_loyalty",
    ),
    Card(
        _("Channels"), _("Where e-mail and SMS go out, with a test message."),
        "campaigns:channels", "bi-send", "campaigns.manage_channels",
    ),
    Card(
        _("Rules of sending"), _("How often, at which hours, at what price, and when two must agree."),
        "campaigns:rules", "bi-sliders", "campaigns.manage_channels",
    ),
    Card(
        _("Team"), _("Who may come in, and as what."), "pages:team", "bi-person-badge", "access.manage_team",
    ),
    Card(
        _("API tokens"), _("Keys for machines, each with its scopes."),
        "pages:tokens", "bi-key", "access.manage_tokens",
    ),
    Card(
        _("Opt-outs"), _("Addresses that nobody writes to any more."),
        "customers:suppressions", "bi-slash-circle", "customers.view_suppression",
    ),
    Card(
        _("Activity"), _("Who did what, when and from where."), "pages:activity", "bi-journal-text",
        "access.view_activity",
    ),
    Card(
        _("System"), _("Whether every part works, in words."), "pages:system", "bi-activity", "access.view_system",
    ),
    Card(
        _("Preferences"), _("Your own language, look, password and second factor."), "pages:preferences", "bi-person",
    ),
)  # fmt: skip


def cards_for(user: User | AnonymousUser) -> list[Card]:
    """The cards that this person may open."""
    return [card for card in CARDS if not card.permission or user.has_perm(card.permission)]
