from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter

from orders.api.views import DependenceDoor, OrderDoor, ProductDoor

router = SimpleRouter(trailing_slash=False)
router.register("orders", OrderDoor, basename="order")
router.register("products", ProductDoor, basename="product")
urlpatterns: list[URLPattern | URLResolver] = [
    path("platforms/dependence", DependenceDoor.as_view(), name="platform_dependence"),
    *router.urls,
]
