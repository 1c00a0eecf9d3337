"""/api/: version 1 of the REST API, its schema and its documentation page."""

from django.urls import URLPattern, URLResolver, include, path

from crm_suite.api.views import DocsPage, MeDoor, SchemaDoor

app_name = "api"

v1: list[URLPattern | URLResolver] = [
    path("me", MeDoor.as_view(), name="me"),
    path("schema", SchemaDoor.as_view(), name="schema"),
    path("", include("customers.api.urls")),
    path("", include("orders.api.urls")),
    path("", include("touchpoints.api.urls")),
    path("", include("segmentation.api.urls")),
    path("", include("campaigns.api.urls")),
    path("", include("crm_suite.jobs.api.urls")),
]
urlpatterns = [
    path("v1/", include(v1)),
    path("docs/", DocsPage.as_view(url_name="api:schema"), name="docs"),
]
