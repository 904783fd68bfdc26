"""The product's own settings; the bench adds one small address to the product's."""

from ouipost.settings import *  # noqa: F403 (a settings module is its names)

ROOT_URLCONF = "bench.urls"
