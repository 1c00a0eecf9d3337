from django.urls import path

from customers.views import lists, people, shops, suppressions

app_name = "customers"
urlpatterns = [
    path("", lists.customer_list, name="list"),
    path("export/", lists.customer_export, name="export"),
    path("search/", lists.search, name="search"),
    path("book/", lists.choose_book, name="choose_book"),
    path("<int:pk>/", people.detail, name="detail"),
    path("<int:pk>/identity/", people.identity_panel, name="identity_panel"),
    path("<int:pk>/value/", people.value_panel, name="value_panel"),
    path("<int:pk>/consent/", people.consent_panel, name="consent_panel"),
    path("<int:pk>/reveal/", people.reveal, name="reveal"),
    path("<int:pk>/opt-out/", people.optout, name="optout"),
    path("<int:pk>/note/", people.note, name="note"),
    path("shops/", shops.shop_list, name="shops"),
    path("shops/new/", shops.shop_new, name="shop_new"),
    path("shops/<int:pk>/", shops.shop_edit, name="shop_edit"),
    path("shops/<int:pk>/delete/", shops.shop_delete, name="shop_delete"),
    path("opt-outs/", suppressions.suppression_list, name="suppressions"),
    path("opt-outs/add/", suppressions.suppression_add, name="suppression_add"),
    path("opt-outs/<int:pk>/lift/", suppressions.suppression_lift, name="suppression_lift"),
]
