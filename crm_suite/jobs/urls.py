from django.urls import path

from crm_suite.jobs import views

app_name = "jobs"
urlpatterns = [
    path("", views.job_list, name="list"),
    path("drawer/", views.job_drawer, name="drawer"),
    path("<int:pk>/", views.job_panel, name="panel"),
    path("<int:pk>/cancel/", views.job_cancel, name="cancel"),
    path("<int:pk>/file/", views.job_download, name="download"),
]
