"""The doors that customers and providers come through, at the root of the site. No account needed."""

from django.urls import path

from campaigns.views import doors, hooks, posts

app_name = "doors"

urlpatterns = [
    path("t/<uuid:token>/<int:position>/", doors.click, name="click"),
    # Without a slash behind it: every sign of an SMS is paid for.
    path("l/<str:code>", doors.short, name="short"),
    path("g/<str:code>/", posts.post_link, name="post"),
    path("u/<uuid:token>/", doors.unsubscribe, name="unsubscribe"),
    path("u/<uuid:token>/choices/", doors.choices, name="preferences"),
    path("hooks/<slug:code>/<str:secret>/", hooks.news, name="news"),
]
