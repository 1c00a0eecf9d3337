from django.urls import path

from segmentation.views import insights, panels

app_name = "segmentation"
urlpatterns = [
    path("rfm/", insights.rfm, name="rfm"),
    path("lifecycle/", insights.lifecycle, name="lifecycle"),
    path("refresh/", insights.refresh, name="refresh"),
    path("customers/<int:pk>/panel/", panels.customer_panel, name="customer_panel"),
    path("customers/<int:pk>/segments/", panels.memberships_panel, name="memberships_panel"),
    path("stages/panel/", panels.stage_panel, name="stage_panel"),
    path("crossings/panel/", panels.crossing_panel, name="crossing_panel"),
]
