from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crm_suite.access.rules import requires, signed_in
from crm_suite.pages import health, settings_cards


@signed_in
def settings_hub(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/settings.html", {"cards": settings_cards.cards_for(request.user)})


@requires("access.view_system")
def system(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/system.html")


@requires("access.view_system")
def system_panel(request: HttpRequest) -> HttpResponse:
    """The state of every part in words; the page asks again by itself."""
    return render(request, "pages/_system.html", {"report": health.report()})
