from rest_framework.routers import SimpleRouter

from crm_suite.jobs.api.views import JobDoor

router = SimpleRouter(trailing_slash=False)
router.register("jobs", JobDoor, basename="job")
urlpatterns = router.urls
