"""Who asks."""

from django.http import HttpRequest

from crm_suite.access.models import User


def person(request: HttpRequest) -> User:
    """Who is signed in. Every route that asks has a declared permission."""
    assert isinstance(request.user, User)
    return request.user
