from django.urls import path
from rest_framework.routers import SimpleRouter

from segmentation.api.views import LifecycleDoor, RfmDoor, SegmentDoor

router = SimpleRouter(trailing_slash=False)
router.register("segments", SegmentDoor, basename="segment")
urlpatterns = [
    *router.urls,
    path("rfm", RfmDoor.as_view(), name="rfm"),
    path("lifecycle", LifecycleDoor.as_view(), name="lifecycle"),
]
