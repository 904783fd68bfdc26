"""The console's own pages: what Django's admin does not make of a model by itself."""
