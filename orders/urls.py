from django.urls import path

from orders.views import imports, orders, panels

app_name = "orders"
urlpatterns = [
    path("", orders.order_list, name="list"),
    path("<int:pk>/", orders.order_detail, name="detail"),
    path("export/", orders.order_export, name="export"),
    path("search/", orders.search, name="search"),
    path("products/", orders.product_list, name="products"),
    path("customer/<int:pk>/", orders.customer_panel, name="customer_panel"),
    path("panels/kpis/", panels.kpi_panel, name="kpi_panel"),
    path("panels/sales/", panels.sales_panel, name="sales_panel"),
    path("imports/", imports.import_list, name="import_list"),
    path("imports/new/", imports.import_new, name="import_new"),
    path("imports/<int:pk>/", imports.import_detail, name="import_detail"),
    path("imports/<int:pk>/columns/", imports.import_map, name="import_map"),
    path("imports/<int:pk>/check/", imports.import_check, name="import_check"),
    path("imports/<int:pk>/start/", imports.import_start, name="import_start"),
    path("imports/<int:pk>/rejected/", imports.import_rejects, name="import_rejects"),
]
