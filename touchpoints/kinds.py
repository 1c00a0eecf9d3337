"""What a touchpoint is called and how it looks. Kinds that are not listed here are shown by their own name."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Kind:
    """`tone` is good, bad, busy or '' and colours the icon; the words say the same."""

    label: str | Promise
    icon: str
    tone: str = ""


KINDS = {
    "order_placed": Kind(_("Order placed"), "bi-bag"),
    "order_paid": Kind(_("Order paid"), "bi-bag-check", "good"),
    "order_shipped": Kind(_("Order shipped"), "bi-truck"),
    "order_received": Kind(_("Order received"), "bi-box-seam"),
    "order_refunded": Kind(_("Money refunded"), "bi-arrow-counterclockwise", "bad"),
    "message_sent": Kind(_("Message sent"), "bi-send", "busy"),
    "link_clicked": Kind(_("Link clicked"), "bi-cursor", "good"),
    "message_replied": Kind(_("Reply"), "bi-reply", "good"),
    "unsubscribed": Kind(_("Unsubscribed"), "bi-slash-circle", "bad"),
    "topic_refused": Kind(_("Wants nothing about a topic"), "bi-slash-circle", "bad"),
    "page_view": Kind(_("Page viewed"), "bi-eye"),
    "cart_added": Kind(_("Put into the cart"), "bi-cart-plus"),
    "inquiry": Kind(_("Question asked"), "bi-question-circle"),
    "call": Kind(_("Phone call"), "bi-telephone"),
    "chat": Kind(_("Chat"), "bi-chat-dots"),
    "review": Kind(_("Review"), "bi-star"),
    "complaint": Kind(_("Complaint"), "bi-exclamation-triangle", "bad"),
    "community_joined": Kind(_("Joined the community"), "bi-people"),
}

#: Older and shorter names of the same thing, as other rooms and the API may write them.
ALSO = {
    "click": "link_clicked", "message_clicked": "link_clicked",
    "reply": "message_replied", "unsubscribe": "unsubscribed", "consult": "inquiry",
}  # fmt: skip


def kind_of(name: str) -> Kind:
    """The kind of this name; an unknown one in its own words."""
    known = KINDS.get(ALSO.get(name, name))
    return known or Kind(name.replace("_", " ").capitalize(), "bi-dot")
