from django.urls import path

from touchpoints import views

app_name = "touchpoints"
urlpatterns = [
    path("", views.log, name="list"),
    path("export/", views.export, name="export"),
    path("customer/<int:pk>/", views.customer_panel, name="customer_panel"),
    path("customer/<int:pk>/older/", views.older, name="older"),
]
