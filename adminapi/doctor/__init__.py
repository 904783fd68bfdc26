"""`manage.py doctor`: checks everything that the product depends on, and says what is wrong and what to do about it."""
