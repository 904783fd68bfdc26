"""Schedules: their slots by the wall clock of a zone, and the queue of posts that take them."""
