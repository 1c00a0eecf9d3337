"""How large anything in a file may be. What is beyond is refused in words, before it fills memory or disk."""

PIECE = 1024 * 1024  # bytes read at once
LARGEST_PLAIN = 2 * 1024**3  # bytes of one table when unpacked
LARGEST_TOTAL = 1024**3  # bytes of everything in a .zip when unpacked
LARGEST_RATIO = 100  # text compresses 5 to 20 times
SMALL = 10 * PIECE  # below this no ratio does harm
LONGEST_CELL = 1024 * 1024  # also a line of the header, and of NDJSON
LONGEST_NAME = 200  # of a column
MOST_COLUMNS = 2_000
MOST_ENTRIES = 2_000  # of an archive
MOST_TABLES = 20  # of an archive or a workbook, offered for choice
