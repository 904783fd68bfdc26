"""Formats of dates on pages, by language: Django's own have twelve hours in English, and capitals in French."""
