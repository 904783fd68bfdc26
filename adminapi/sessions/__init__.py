"""Signing in to the admin API and the console: passwords, sessions, and the tokens that name one."""
