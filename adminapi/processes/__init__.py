"""The processes that an operator starts: web and worker, their heartbeats, and their watchdog."""
