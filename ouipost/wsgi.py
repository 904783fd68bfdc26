"""The WSGI application that the web server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
application = get_wsgi_application()

from django.db import connections  # noqa: E402 (these need what is set up above)

from adminapi import keyring  # noqa: E402

keyring.require()
connections.close_all()  # the threads that answer have their own
