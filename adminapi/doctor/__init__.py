"""`manage.py doctor`: looks at all that the product stands on, and says what is wrong and what to do about it."""
