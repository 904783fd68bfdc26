"""The page that composes a post: what is written there, what each network would get of it, and what its buttons do."""
