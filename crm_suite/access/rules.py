"""Every URL says who may use it: `@requires("customers.list_customers")` or `@public`. Silence is refused.

A system check (checks.py) stops the start when a route says nothing; the middleware enforces what is said.
"""

from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"
SIGNED_IN = "signed in"

#: Routes of libraries that guard themselves, by view module: allauth's account pages, Django's admin.
SELF_GUARDED = ("allauth.", "django.contrib.admin.", "django.views.i18n", "django.contrib.staticfiles")


def requires(permission: str) -> Callable[[View], View]:
    """Only people with this permission; others get 403, strangers the sign-in page."""

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Anybody, also without an account: tracking doors, health, unsubscribing."""
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Anybody with an account: home, own preferences."""
    view.permission = SIGNED_IN  # type: ignore[attr-defined]
    return view


def permission_of(view: Callable[..., Any]) -> str | None:
    """What the route demands: a permission, PUBLIC, SIGNED_IN, or None where nothing is said."""
    declared = getattr(view, "permission", None)
    if declared is None and hasattr(view, "view_class"):
        declared = getattr(view.view_class, "permission", None)
    return declared


def api_scope_of(view: Callable[..., Any]) -> str | None:
    """The scope that an API view names (`orders`), or None for pages."""
    api_class = getattr(view, "cls", None)
    return getattr(api_class, "scope", None)


def is_self_guarded(view: Callable[..., Any]) -> bool:
    return (getattr(view, "__module__", "") or "").startswith(SELF_GUARDED)
