"""Reasons of the delivery in words."""

from django import template

from campaigns.selectors import reason_label

register = template.Library()


@register.filter
def reason(code: str) -> str:
    """Why something was not sent, for people; codes of providers stay as they are."""
    return reason_label(code)
