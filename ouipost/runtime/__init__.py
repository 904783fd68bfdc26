"""Processes: their start, shared memory, shutdown and restart."""
