"""Processes: how they start, share memory, learn that they have to end, and are started again."""
