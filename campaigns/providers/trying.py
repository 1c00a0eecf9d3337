"""One test copy, to see it in a real inbox."""

import secrets
from collections.abc import Mapping

from django.utils.translation import gettext as _

from campaigns import tracking
from campaigns.channels import Receipt, open_channel
from campaigns.channels.base import ChannelDown, Outcome
from campaigns.delivery.compose import address_copy, written
from campaigns.models import Campaign, Template
from campaigns.texts.rendering import SAMPLE_FIELDS, parse
from crm_suite.access.models import User
from crm_suite.access.services import audit
from crm_suite.lib.digests import address_digest
from crm_suite.lib.errors import BadInput
from customers.addresses import FIELDS, mask_address, normal_address
from customers.models import Shop, Suppression


def send_test(
    *,
    address: str,
    by: User | None,
    campaign: Campaign | None = None,
    template: Template | None = None,
    shop: Shop | None = None,
    fields: Mapping[str, object] | None = None,
) -> Receipt:
    """One copy to one address, with these fields or invented ones. Its links are inert, and it counts in no figure.

    Raises BadInput (template, address, suppressed) and ChannelDown (nothing set up, no answer, refused).
    """
    source = template or (campaign.template if campaign else None)
    if source is None:
        raise BadInput(_("There is no template to test."), code="incomplete")
    to = usable_address(channel=source.channel, text=address)
    shop = shop or (campaign.shop if campaign else None) or Shop.objects.order_by("is_demo", "pk").first()
    if shop is None:
        raise BadInput(_("Add a shop first."), code="no_shop")
    subject = f"[{_('Test')}] {source.subject}"
    content = parse(channel=source.channel, subject=subject, body=source.body, format=source.format)
    values = {**(SAMPLE_FIELDS if fields is None else fields), "shop": shop.name}
    copy = written(content=content, shop=shop, token=tracking.NOBODY, fields=values)
    key = f"test.{secrets.token_hex(8)}"
    adapter = open_channel(source.channel)
    try:
        (receipt,) = adapter.send([address_copy(copy, shop=shop, to=to, token=tracking.NOBODY, key=key)])
    finally:
        adapter.close()
    masked = mask_address(channel=source.channel, address=to)
    audit(action="campaign.test", actor=by, target=masked, changes={"outcome": str(receipt.outcome)})
    if receipt.outcome is not Outcome.ACCEPTED:
        raise ChannelDown(_("The provider did not take it: %(words)s") % {"words": receipt.detail or receipt.reason})
    return receipt


def usable_address(*, channel: str, text: str) -> str:
    """The address in its normal form. Raises BadInput where it is none, or must not be written to."""
    if channel not in FIELDS:
        raise BadInput(_("What people carry cannot be tried out: look at the copies."), code="no_test")
    normal = normal_address(channel=channel, text=text)
    if normal is None:
        raise BadInput(_("This is not a usable address."), code="bad_address")
    if Suppression.objects.filter(channel=channel, address_digest=address_digest(normal)).exists():
        raise BadInput(_("This address must not be written to in this channel."), code="suppressed")
    return normal
