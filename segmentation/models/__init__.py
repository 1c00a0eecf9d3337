"""How people group: runs of the analysis, dated changes, named sets of customers, and what they are worth."""

from segmentation.models.growth import GrowthMonth
from segmentation.models.runs import (
    AnalysisOptions,
    AnalysisRun,
    GroupPolicy,
    LabelChange,
    LabelTally,
    RunPart,
    Touched,
)
from segmentation.models.segments import Segment, SegmentMember, SegmentSize, TagRule
from segmentation.models.value import CustomerValue, SpendEntry, ValueModel

__all__ = [
    "AnalysisOptions", "AnalysisRun", "CustomerValue", "GroupPolicy", "GrowthMonth", "LabelChange", "LabelTally",
    "RunPart", "Segment", "SegmentMember", "SegmentSize", "SpendEntry", "TagRule", "Touched", "ValueModel",
]  # fmt: skip
