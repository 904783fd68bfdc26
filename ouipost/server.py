"""The web server, granian with its own arguments: what it forks shares the product, which is loaded before."""

import multiprocessing
from importlib import import_module

from granian.cli import entrypoint

if __name__ == "__main__":
    if multiprocessing.get_start_method() == "fork":
        import_module("ouipost.wsgi")  # where they are not, each loads it for itself
    entrypoint()  # type: ignore[no-untyped-call]  # granian says nothing of its types
