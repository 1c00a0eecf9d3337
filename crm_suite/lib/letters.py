"""Single characters of a text in the database: what finds two Chinese characters within a name.

Trigrams cannot: two characters have none, and PostgreSQL makes none of Chinese where its character type is C.
"""

from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, TextField


class Letters(Func):
    """The characters of a text, as an array."""

    #: Matches some character beyond ASCII.
    BEYOND_ASCII = "[^ -~]"

    function = "string_to_array"
    template = "%(function)s(%(expressions)s, NULL)"
    output_field = ArrayField(TextField())
