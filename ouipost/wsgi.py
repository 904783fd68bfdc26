"""The WSGI application that the web server runs."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from ouipost import memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
application = get_wsgi_application()

from django.db import connections  # noqa: E402 (these need what is set up above)

from adminapi import keyring  # noqa: E402

keyring.require()
connections.close_all()  # the threads that answer have their own
import_module(settings.ROOT_URLCONF)  # with every view, so that no request waits for them
memory.keep_loaded()
