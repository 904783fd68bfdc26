"""The model pages of the console, a module for each model or for those that belong together."""
