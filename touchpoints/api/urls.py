from django.urls import path
from rest_framework.routers import SimpleRouter

from touchpoints.api.views import TimelineDoor, TouchpointDoor

router = SimpleRouter(trailing_slash=False)
router.register("touchpoints", TouchpointDoor, basename="touchpoint")
urlpatterns = [
    *router.urls,
    path("customers/<int:customer_id>/timeline", TimelineDoor.as_view({"get": "list"}), name="customer-timeline"),
]
