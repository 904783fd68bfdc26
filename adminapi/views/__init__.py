"""The views of /admin/*: keys, users, webhooks, the audit log, pauses."""
