"""The WSGI application that the web server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ouipost.settings")
application = get_wsgi_application()

from adminapi import keyring  # noqa: E402 (its models need what is set up above)

keyring.require()
