"""What operators see and do: what is stuck and why, pauses, posts in doubt, a clock that jumped, a restored copy."""
