"""`manage.py doctor`: checks everything that the product depends on, and shows faults with their remedies."""
