"""The timeline of a post: what happened to it at each network, and what each target waits for."""
