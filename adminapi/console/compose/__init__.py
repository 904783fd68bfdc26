"""The page that composes a post: its fields, its preview for each network, and the actions of its buttons."""
