from django.urls import path

from crm_suite.pages.views import demo, health, home, people, preferences, records, system, tokens

app_name = "pages"
urlpatterns = [
    path("", home.home, name="home"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("language/", preferences.language, name="language"),
    path("theme/", preferences.theme, name="theme"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("demo/load/", demo.load, name="demo_load"),
    path("demo/remove/", demo.remove, name="demo_remove"),
    path("settings/", system.settings_hub, name="settings"),
    path("settings/system/", system.system, name="system"),
    path("settings/system/report/", system.system_panel, name="system_panel"),
    path("settings/team/", people.team, name="team"),
    path("settings/team/new/", people.person_new, name="person_new"),
    path("settings/team/<int:pk>/", people.person_edit, name="person_edit"),
    path("settings/team/<int:pk>/password/", people.person_password, name="person_password"),
    path("settings/team/<int:pk>/access/", people.person_access, name="person_access"),
    path("settings/activity/", records.activity, name="activity"),
    path("developers/tokens/", tokens.tokens, name="tokens"),
    path("developers/tokens/new/", tokens.token_new, name="token_new"),
    path("developers/tokens/<str:digest>/revoke/", tokens.token_revoke, name="token_revoke"),
]
