"""The product does not start while a route has no owner."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

from crm_suite.access.rules import api_scope_of, is_self_guarded, permission_of


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every route of the URL configuration with its view."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern) and entry.callback is not None:
            yield path, entry.callback


def is_declared(view: Callable[..., Any]) -> bool:
    return is_self_guarded(view) or permission_of(view) is not None or api_scope_of(view) is not None


@register()
def every_route_has_a_permission(app_configs: object = None, **kwargs: object) -> list[CheckMessage]:
    return [
        Error(
            f"/{path} declares no permission.",
            hint="Mark the view with @requires, @signed_in or @public (crm_suite.access.rules).",
            id="access.E001",
        )
        for path, view in routes()
        if not is_declared(view)
    ]
