"""The calendar, and its entries."""
