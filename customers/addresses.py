"""Addresses by channel: where they stand, how they are compared, how they are shown."""

from crm_suite.lib.masking import mask_email, mask_phone
from customers.models import Channel
from customers.normalforms import normal_email, normal_phone

#: Which field of Customer holds the address of a channel.
FIELDS: dict[str, str] = {Channel.EMAIL: "email", Channel.SMS: "phone"}


def normal_address(*, channel: str, text: str) -> str | None:
    """The text as addresses of this channel are compared; None where it cannot be used."""
    return normal_email(text) if channel == Channel.EMAIL else normal_phone(text)


def mask_address(*, channel: str, address: str) -> str:
    """The address as everybody may see it: z***@qq.com, 138****8000."""
    return mask_email(address) if channel == Channel.EMAIL else mask_phone(address)
