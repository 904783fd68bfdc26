"""The operator's view: stuck posts and why, pauses, posts in doubt, a clock that jumped, a restored copy."""
