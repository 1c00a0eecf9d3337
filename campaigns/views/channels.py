"""Which channels are connected, to what, and the rules that hold in them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.providers.board import boards
from campaigns.providers.connections import check_connection, simulator_url
from campaigns.rules import rules_of
from campaigns.views.doorway import told
from crm_suite.access.rules import requires
from customers.models import Channel, Shop


@requires("campaigns.manage_channels")
def channels(request: HttpRequest) -> HttpResponse:
    found = boards()
    states = {line.state for board in found for line in board.lines}
    context = {
        "boards": found,
        "simulator_url": simulator_url(),
        "all_simulated": "simulator" in states and not states & {"in_use", "standing_by", "blocked"},
        "rules": [(channel.label, rules_of(channel)) for channel in (Channel.EMAIL, Channel.SMS)],
        "shops": Shop.objects.order_by("name"),
    }
    return render(request, "campaigns/channels.html", context)


@requires("campaigns.manage_channels")
@require_POST
def channel_test(request: HttpRequest) -> HttpResponse:
    """Does the provider that carries this channel now answer? Sends nothing to anybody."""
    channel = request.POST.get("channel", "")
    if channel in Channel.values:
        with told(request, _("%(channel)s: the provider answers.") % {"channel": Channel(channel).label}):
            check_connection(channel=channel)
    return redirect("campaigns:channels")
