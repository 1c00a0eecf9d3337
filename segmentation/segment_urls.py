from django.urls import path

from segmentation.views import segments

app_name = "segments"
urlpatterns = [
    path("", segments.segment_list, name="list"),
    path("new/", segments.new, name="new"),
    path("preview/", segments.preview, name="preview"),
    path("from-cells/", segments.from_cells, name="from_cells"),
    path("<int:pk>/", segments.detail, name="detail"),
    path("<int:pk>/edit/", segments.edit, name="edit"),
    path("<int:pk>/export/", segments.export, name="export"),
    path("<int:pk>/archive/", segments.archive, name="archive"),
    path("<int:pk>/snapshot/", segments.snapshot, name="snapshot"),
]
