"""The console's first page, and the data of its blocks."""
