"""The views of /admin/*, a module for each of its rooms."""
