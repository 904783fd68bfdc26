"""Logs, error reports and traces of a running installation."""
