"""Addresses under `/sandbox/`: the control API, pictures, and every network by its host."""

from django.urls import path, re_path

from ouipost.simulator import control, views

urlpatterns = [
    path("_control/faults", control.faults_view),
    path("_control/posts", control.posts_view),
    path("_control/requests", control.requests_view),
    path("_control/clock", control.clock_view),
    path("_control/reset", control.reset_view),
    path("_media/<int:pk>", views.media, name="simulator-media"),
    path("_avatar/<int:seed>_normal.png", views.avatar),
    path("_avatar/<int:seed>.png", views.avatar),
    re_path(r"^(?P<host>[a-z0-9.:-]*[a-z0-9])(?P<path>/.*)$", views.serve),
]
