"""The simulator alone, for a web server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.simulator.alone"
application = get_wsgi_application()
