from rest_framework.routers import SimpleRouter

from campaigns.api.platform_files import PlatformFileDoor
from campaigns.api.templates import TemplateDoor
from campaigns.api.views import CampaignDoor

router = SimpleRouter(trailing_slash=False)
router.register("campaigns", CampaignDoor, basename="campaign")
router.register("templates", TemplateDoor, basename="template")
router.register("platform-files", PlatformFileDoor, basename="platform-file")
urlpatterns = router.urls
