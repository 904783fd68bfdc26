"""Database code beyond Django's: the set-up of connections, locks, column types, and statements by hand."""
