"""Registers the model pages of the console, of all apps: this app is the one that may import every other."""

from importlib import import_module
from pkgutil import iter_modules

from adminapi.console import admins

for module in iter_modules(admins.__path__):
    import_module(f"{admins.__name__}.{module.name}")
