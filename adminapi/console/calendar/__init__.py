"""The calendar, and what it shows."""
