from rest_framework.routers import SimpleRouter

from orders.api.views import OrderDoor, ProductDoor

router = SimpleRouter(trailing_slash=False)
router.register("orders", OrderDoor, basename="order")
router.register("products", ProductDoor, basename="product")
urlpatterns = router.urls
