"""What a segment rule may ask about: the only road from a rule to a column."""

from segmentation.fields.kinds import Field, shown
from segmentation.fields.measured import EXPECTATIONS, LABELS, MEASURES
from segmentation.fields.people import PERSON
from segmentation.fields.reach import REACH

#: By code, in the order in which the editor offers them.
FIELDS: dict[str, Field] = {field.code: field for field in (*LABELS, *MEASURES, *EXPECTATIONS, *REACH, *PERSON)}

__all__ = ["FIELDS", "Field", "shown"]
