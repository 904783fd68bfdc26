"""What the apps need of the databases beyond Django: their set-up, locks, kinds of columns, and statements by hand."""
