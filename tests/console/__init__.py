"""The console's pages, as people see them."""

import ouipost.urls  # noqa: F401 (loads them: a worker, like a test that asks for no address, has none)
