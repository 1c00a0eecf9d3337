"""Every kind of provider. A new one is a file in this package and a line here; docs/add-a-channel.md says how."""

from django.utils.translation import gettext as _

from campaigns.channels import aliyun, anymail, http, platform, relay, simulator, tencent, twilio
from campaigns.channels.kinds import Kind
from crm_suite.lib.errors import BadInput

KINDS: dict[str, Kind] = {
    module.KIND.code: module.KIND for module in (relay, anymail, aliyun, tencent, twilio, http, simulator, platform)
}


def kind_of(code: str) -> Kind:
    """Raises BadInput for a kind that this version does not know."""
    if code not in KINDS:
        raise BadInput(_("No adapter is known for “%(kind)s”.") % {"kind": code}, code="unknown_kind")
    return KINDS[code]


def kinds_for(channel: str) -> list[Kind]:
    """What can be added by hand for this channel."""
    return [kind for kind in KINDS.values() if channel in kind.channels and kind.by_hand]
