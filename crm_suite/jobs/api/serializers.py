from rest_framework import serializers

from crm_suite.jobs.models import Job


class JobSerializer(serializers.ModelSerializer[Job]):
    """Long work. `total` is 0 while the size is not known; `rate` in items a second."""

    rate = serializers.FloatField(read_only=True)
    seconds_left = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Job
        fields = [
            "id", "kind", "title", "state", "total", "done", "failed", "rate", "seconds_left", "message", "result",
            "cancel_requested", "created_at", "started_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields
