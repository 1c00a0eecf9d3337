from rest_framework.routers import SimpleRouter

from customers.api.persons import MergeDoor
from customers.api.views import CustomerDoor

router = SimpleRouter(trailing_slash=False)
router.register("customers/merges", MergeDoor, basename="customer-merge")
router.register("customers", CustomerDoor, basename="customer")
urlpatterns = router.urls
