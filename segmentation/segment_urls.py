from django.urls import path

from segmentation.views import segment_panels, segments, tags

app_name = "segments"
urlpatterns = [
    path("", segments.segment_list, name="list"),
    path("new/", segments.new, name="new"),
    path("preview/", segments.preview, name="preview"),
    path("preview/members/", segments.examples, name="examples"),
    path("from-cells/", segments.from_cells, name="from_cells"),
    path("<int:pk>/", segments.detail, name="detail"),
    path("<int:pk>/edit/", segments.edit, name="edit"),
    path("<int:pk>/export/", segments.export, name="export"),
    path("<int:pk>/archive/", segments.archive, name="archive"),
    path("<int:pk>/snapshot/", segments.snapshot, name="snapshot"),
    path("<int:pk>/history/", segment_panels.history_panel, name="history_panel"),
    path("<int:pk>/overlap/", segment_panels.overlap_panel, name="overlap_panel"),
    path("<int:pk>/tag-rules/", segment_panels.tag_rules_panel, name="tag_rules_panel"),
    path("<int:pk>/tag/", tags.tag_members, name="tag_members"),
    path("tag-rules/", tags.tag_rules, name="tag_rules"),
    path("tag-rules/save/", tags.tag_rule_save, name="tag_rule_save"),
    path("tag-rules/<int:pk>/delete/", tags.tag_rule_delete, name="tag_rule_delete"),
]
