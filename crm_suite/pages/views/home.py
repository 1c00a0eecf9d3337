from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crm_suite.access.rules import signed_in
from crm_suite.pages import onboarding
from customers.books import current_book


@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """The frame of the first page; each room brings its panels by URL."""
    return render(
        request,
        "pages/home.html",
        {"book": current_book(request), "steps": onboarding.steps_for(request.user)},
    )
