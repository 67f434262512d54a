"""File formats: from bytes to records, with NumPy and the standard library only. Nothing here learns."""
