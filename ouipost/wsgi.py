"""The WSGI application that the web server runs."""

import os
from importlib import import_module

import django
from django.conf import settings
from django.db import connections

from ouipost.api.handler import Handler
from ouipost.runtime import memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
django.setup(set_prefix=False)
application = Handler()

from adminapi import keyring  # noqa: E402 (it needs the set-up above)

keyring.require()
connections.close_all()  # the answering threads have their own
import_module(settings.ROOT_URLCONF)  # loads every view, so that no request waits for it
memory.keep_loaded()
