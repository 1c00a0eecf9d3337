"""What people bought, and the files that tell of it."""

import os

# A block of a file is read while the database takes in the one before. A second thread of polars would only be in its
# way, and keep memory of its own. Said before polars is imported for the first time.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
