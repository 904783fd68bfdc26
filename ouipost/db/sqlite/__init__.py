"""Django's SQLite, whose writers take turns; the name of this package is the databases' ENGINE."""
