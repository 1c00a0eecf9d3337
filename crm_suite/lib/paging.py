"""Opaque cursors: a page from the middle of a million costs what the first page costs."""

from rest_framework.pagination import CursorPagination


class CursorPaging(CursorPagination):
    """`?limit=50` (at most 200) `&cursor=…`; the newest first unless the view's `cursor_ordering` says otherwise."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    ordering = "-id"
