"""The files of posts: uploading, checking, rewriting, storing and serving them, and fitting them to each network."""
