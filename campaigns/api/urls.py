from rest_framework.routers import SimpleRouter

from campaigns.api.views import CampaignDoor

router = SimpleRouter(trailing_slash=False)
router.register("campaigns", CampaignDoor, basename="campaign")
urlpatterns = router.urls
