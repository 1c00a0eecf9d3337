"""The engine of a refresh: read purchases by ranges of customers, count, find cuts and bounds, write what changed.

Ranges are independent of each other; only the cuts and bounds are shared, and they come from small summaries. So a
range can become a task of its own when one process is no longer enough.
"""
