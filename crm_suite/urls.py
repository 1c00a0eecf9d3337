"""Every address of the product. Each view names its permission; a check refuses to start where one does not."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("crm_suite.pages.urls")),
    # Doors in our messages and of providers: /t/, /u/, /hooks/. Short, because they stand in SMS.
    path("", include("campaigns.public_urls")),
    path("customers/", include("customers.urls")),
    path("orders/", include("orders.urls")),
    path("touchpoints/", include("touchpoints.urls")),
    path("insights/", include("segmentation.urls")),
    path("segments/", include("segmentation.segment_urls")),
    path("campaigns/", include("campaigns.urls")),
    path("jobs/", include("crm_suite.jobs.urls")),
    path("api/", include("crm_suite.api.urls")),
    path("accounts/", include("allauth.urls")),
]
