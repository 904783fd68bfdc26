"""The simulator's addresses where the product would put them."""

from django.urls import include, path

urlpatterns = [path("sandbox/", include("ouipost.simulator.urls"))]
