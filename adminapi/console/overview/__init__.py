"""The console's first page, and what its blocks are made of."""
