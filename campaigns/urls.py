"""Pages under /campaigns/. The public doors are in public_urls.py."""

from django.urls import path

from campaigns.views import calendar, campaigns, channels, panels, report, templates

app_name = "campaigns"

urlpatterns = [
    path("calendar/", calendar.calendar, name="calendar"),
    path("plan/new/", calendar.entry_new, name="entry_new"),
    path("plan/<int:pk>/", calendar.entry, name="entry"),
    path("plan/<int:pk>/before/", calendar.entry_panel, name="entry_panel"),
    path("plan/<int:pk>/move/", calendar.entry_move, name="entry_move"),
    path("plan/<int:pk>/skip/", calendar.entry_skip, name="entry_skip"),
    path("plan/<int:pk>/remove/", calendar.entry_remove, name="entry_remove"),
    path("plan/<int:pk>/launch/", calendar.entry_launch, name="entry_launch"),
    path("", campaigns.campaign_list, name="list"),
    path("code/<slug:code>/", campaigns.by_code, name="by_code"),
    path("new/", campaigns.campaign_new, name="new"),
    path("new/review/", campaigns.campaign_review, name="review"),
    path("<int:pk>/", campaigns.campaign_detail, name="detail"),
    path("<int:pk>/before/", campaigns.launch_panel, name="launch_panel"),
    path("<int:pk>/progress/", campaigns.progress_panel, name="progress_panel"),
    path("<int:pk>/launch/", campaigns.campaign_launch, name="launch"),
    path("<int:pk>/pause/", campaigns.campaign_pause, name="pause"),
    path("<int:pk>/resume/", campaigns.campaign_resume, name="resume"),
    path("<int:pk>/cancel/", campaigns.campaign_cancel, name="cancel"),
    path("<int:pk>/test/", campaigns.campaign_test, name="test"),
    path("<int:pk>/recipients/", campaigns.campaign_recipients, name="recipients"),
    path("<int:pk>/recipients/export/", campaigns.recipients_export, name="recipients_export"),
    path("<int:pk>/report/", report.campaign_report, name="report"),
    path("<int:pk>/report/export/", report.report_export, name="report_export"),
    path("templates/", templates.template_list, name="template_list"),
    path("templates/new/", templates.template_new, name="template_new"),
    path("templates/preview/", templates.template_preview, name="template_preview"),
    path("templates/<int:pk>/", templates.template_edit, name="template_edit"),
    path("templates/<int:pk>/test/", templates.template_test, name="template_test"),
    path("channels/", channels.channels, name="channels"),
    path("channels/test/", channels.channel_test, name="channel_test"),
    path("panels/today/", panels.today_panel, name="today_panel"),
    path("panels/last/", panels.last_panel, name="last_panel"),
    path("panels/segment/<int:pk>/", panels.segment_panel, name="segment_panel"),
    path("panels/customer/<int:pk>/", panels.customer_panel, name="customer_panel"),
]
