"""The mail vendors that django-anymail speaks with: which of our fields each wants, and how it proves its news."""

from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

ALWAYS = gettext_lazy("It signs what it tells us.")
WITH_KEY = gettext_lazy("It signs what it tells us: enter its signing key.")
NEVER = gettext_lazy("It signs nothing: the secret address alone is the proof.")


@dataclass(frozen=True)
class Vendor:
    """`send` and `hook`: names of anymail's options → names of our fields. `hook_view` is empty where there is no news.

    `stamp`: where the time stands that its signature covers: "mailgun", "sendgrid" or "svix".
    """

    label: str
    module: str
    send: dict[str, str]
    needs: tuple[str, ...] = ()
    hook_view: str = ""
    hook: dict[str, str] = field(default_factory=dict)
    proof: str | Promise = NEVER
    stamp: str = ""
    own_message_id: bool = False


VENDORS: dict[str, Vendor] = {
    "mailgun": Vendor(
        "Mailgun", "mailgun", {"api_key": "api_key", "sender_domain": "domain", "api_url": "api_url"},
        hook_view="MailgunTrackingWebhookView", hook={"webhook_signing_key": "signing_key"}, proof=WITH_KEY,
        needs=("signing_key",), stamp="mailgun", own_message_id=True,
    ),
    "postmark": Vendor(
        "Postmark", "postmark", {"server_token": "api_key", "message_stream": "stream", "api_url": "api_url"},
        hook_view="PostmarkTrackingWebhookView",
    ),
    "brevo": Vendor(
        "Brevo", "brevo", {"api_key": "api_key", "api_url": "api_url"}, hook_view="BrevoTrackingWebhookView",
    ),
    "sendgrid": Vendor(
        "SendGrid", "sendgrid", {"api_key": "api_key", "api_url": "api_url"}, hook_view="SendGridTrackingWebhookView",
        hook={"tracking_webhook_verification_key": "signing_key"}, proof=WITH_KEY, stamp="sendgrid",
        own_message_id=True,
    ),
    "mailjet": Vendor(
        "Mailjet", "mailjet", {"api_key": "api_key", "secret_key": "api_secret", "api_url": "api_url"},
        needs=("api_secret",), hook_view="MailjetTrackingWebhookView",
    ),
    "sparkpost": Vendor(
        "SparkPost", "sparkpost", {"api_key": "api_key", "api_url": "api_url"},
        hook_view="SparkPostTrackingWebhookView",
    ),
    "mailersend": Vendor(
        "MailerSend", "mailersend", {"api_token": "api_key", "api_url": "api_url"}, needs=("signing_key",),
        hook_view="MailerSendTrackingWebhookView", hook={"signing_secret": "signing_key"}, proof=WITH_KEY,
    ),
    "mandrill": Vendor(
        "Mandrill", "mandrill", {"api_key": "api_key", "api_url": "api_url"}, needs=("signing_key",),
        hook_view="MandrillCombinedWebhookView", hook={"webhook_key": "signing_key"}, proof=WITH_KEY,
        own_message_id=True,
    ),
    "mailtrap": Vendor(
        "Mailtrap", "mailtrap", {"api_token": "api_key", "api_url": "api_url"},
        hook_view="MailtrapTrackingWebhookView", hook={"tracking_secret": "signing_key"}, proof=WITH_KEY,
    ),
    "resend": Vendor(
        "Resend", "resend", {"api_key": "api_key", "api_url": "api_url"}, hook_view="ResendTrackingWebhookView",
        proof=WITH_KEY, stamp="svix",
    ),
    "postal": Vendor(
        "Postal", "postal", {"api_key": "api_key", "api_url": "api_url"}, needs=("api_url", "signing_key"),
        hook_view="PostalTrackingWebhookView", hook={"webhook_key": "signing_key"}, proof=WITH_KEY,
    ),
    "unisender_go": Vendor(
        "Unisender Go", "unisender_go", {"api_key": "api_key", "api_url": "api_url"}, needs=("api_url",),
        hook_view="UnisenderGoTrackingWebhookView", hook={"api_key": "api_key"}, proof=ALWAYS,
    ),
    "scaleway": Vendor(
        "Scaleway", "scaleway", {"secret_key": "api_key", "project_id": "project", "api_url": "api_url"},
        needs=("project",), proof="",
    ),
}  # fmt: skip


def missing(values: dict[str, str]) -> dict[str, str]:
    """Field → what is wrong, for the chosen vendor."""
    vendor = VENDORS.get(values.get("vendor", ""))
    if vendor is None:
        return {}
    return {
        name: _("%(vendor)s needs this.") % {"vendor": vendor.label} for name in vendor.needs if not values.get(name)
    }
