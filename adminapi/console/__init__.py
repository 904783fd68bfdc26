"""The console: the admin classes of the models, and pages that Django's admin does not generate."""
