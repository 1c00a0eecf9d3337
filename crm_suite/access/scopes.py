"""What a token may be allowed to do (api.md)."""

from django.utils.translation import gettext_lazy as _

RESOURCES = ("customers", "orders", "touchpoints", "segments", "campaigns", "jobs")

SCOPES = {
    "customers:read": _("Read customers"),
    "customers:write": _("Write customers"),
    "orders:read": _("Read orders"),
    "orders:write": _("Write orders"),
    "touchpoints:read": _("Read touchpoints"),
    "touchpoints:write": _("Write touchpoints"),
    "segments:read": _("Read segments"),
    "segments:write": _("Write segments"),
    "campaigns:read": _("Read campaigns and their reports"),
    "campaigns:write": _("Write campaign drafts"),
    "campaigns:send": _("Start, pause and cancel campaigns"),
    "jobs:read": _("Read jobs"),
    "jobs:write": _("Stop jobs"),
    "analytics:read": _("Read RFM and lifecycle figures"),
    "analytics:write": _("Record what was spent to win customers, change how customers are scored and staged"),
    "pii:read": _("See phone, e-mail and name in clear"),
}
