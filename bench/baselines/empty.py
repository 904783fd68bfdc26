"""Django's settings and addresses of a project that does nothing: the least that a web process takes."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

SECRET_KEY = "of no worth"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.baselines.empty"


def empty(request: HttpRequest) -> HttpResponse:
    """Return an empty answer."""
    return HttpResponse()


urlpatterns = [path("", empty)]
