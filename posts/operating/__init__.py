"""The operator's view: stuck posts and why, posts in doubt, and what comes after a restore."""
