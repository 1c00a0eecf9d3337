from django.urls import path
from rest_framework.routers import SimpleRouter

from segmentation.api.acquisition import AcquisitionDoor, PaybackDoor, SpendDoor
from segmentation.api.affinity import AffinityDoor, IntervalsDoor, PreferencesDoor
from segmentation.api.growth import CohortDoor, GrowthDoor, MovesDoor, StageOnDoor
from segmentation.api.lifecycle import BoundsDoor, CalibrationDoor, LifecycleDoor
from segmentation.api.rfm import OptionsDoor, PolicyDoor, RfmDoor
from segmentation.api.segments import SegmentDoor
from segmentation.api.value import ExpectationDoor, ValueDoor

router = SimpleRouter(trailing_slash=False)
router.register("segments", SegmentDoor, basename="segment")
router.register("clv/customers", ExpectationDoor, basename="clv-customer")
router.register("acquisition/spend", SpendDoor, basename="spend")
urlpatterns = [
    *router.urls,
    path("rfm", RfmDoor.as_view(), name="rfm"),
    path("rfm/options", OptionsDoor.as_view(), name="rfm-options"),
    path("rfm/policies/<slug:group>", PolicyDoor.as_view(), name="rfm-policy"),
    path("lifecycle", LifecycleDoor.as_view(), name="lifecycle"),
    path("lifecycle/calibration", CalibrationDoor.as_view(), name="lifecycle-calibration"),
    path("lifecycle/bounds", BoundsDoor.as_view(), name="lifecycle-bounds"),
    path("clv", ValueDoor.as_view(), name="clv"),
    path("acquisition", AcquisitionDoor.as_view(), name="acquisition"),
    path("acquisition/payback", PaybackDoor.as_view(), name="payback"),
    path("cohorts", CohortDoor.as_view(), name="cohorts"),
    path("growth", GrowthDoor.as_view(), name="growth"),
    path("moves", MovesDoor.as_view(), name="moves"),
    path("customers/<int:pk>/stage", StageOnDoor.as_view(), name="customer-stage"),
    path("affinity", AffinityDoor.as_view(), name="affinity"),
    path("intervals", IntervalsDoor.as_view(), name="intervals"),
    path("customers/<int:pk>/preferences", PreferencesDoor.as_view(), name="customer-preferences"),
]
