from rest_framework.routers import SimpleRouter

from customers.api.views import CustomerDoor

router = SimpleRouter(trailing_slash=False)
router.register("customers", CustomerDoor, basename="customer")
urlpatterns = router.urls
