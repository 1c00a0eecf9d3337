"""The doors that customers and providers come through, at the root of the site. No account needed."""

from django.urls import path

from campaigns.views import doors

app_name = "doors"

urlpatterns = [
    path("t/<uuid:token>/<int:position>/", doors.click, name="click"),
    path("u/<uuid:token>/", doors.unsubscribe, name="unsubscribe"),
    path("hooks/sms/<str:secret>/", doors.sms_hook, name="sms_reply"),
]
