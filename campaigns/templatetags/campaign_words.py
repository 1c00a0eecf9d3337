"""Reasons of the delivery in words, and the banner of an installation that must not send."""

from django import template
from django.template.context import Context

from campaigns import instance
from campaigns.reasons import reason_label

register = template.Library()


@register.filter
def reason(code: str) -> str:
    """Why something was not sent, for people; codes of providers stay as they are."""
    return reason_label(code)


@register.inclusion_tag("campaigns/_instance.html", takes_context=True)
def instance_banner(context: Context) -> dict[str, object]:
    """Why nothing is sent, with an owner's way out; nothing while all is well."""
    request = context.get("request")
    found = instance.status()
    may_confirm = bool(request and request.user.has_perm("campaigns.manage_channels"))
    return {
        "status": found, "may_confirm": may_confirm, "path": request.path if request else "",
        "csrf_token": context.get("csrf_token"),
    }  # fmt: skip
