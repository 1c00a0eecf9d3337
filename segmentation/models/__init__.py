"""How people group: runs of the analysis, dated changes, named sets of customers, and what they are worth."""

from segmentation.models.runs import (
    AnalysisOptions,
    AnalysisRun,
    GroupPolicy,
    LabelChange,
    RunPart,
    Touched,
)
from segmentation.models.segments import Segment, SegmentMember, SegmentSize, TagRule
from segmentation.models.value import CustomerValue, SpendEntry, ValueModel

__all__ = [
    "AnalysisOptions", "AnalysisRun", "CustomerValue", "GroupPolicy", "LabelChange", "RunPart", "Segment",
    "SegmentMember", "SegmentSize", "SpendEntry", "TagRule", "Touched", "ValueModel",
]  # fmt: skip
