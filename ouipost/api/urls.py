"""The API's description: included at `api/`."""

from django.urls import path

from ouipost.api.docs import RedocView, SchemaView, SwaggerView

urlpatterns = [
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", SwaggerView.as_view(), name="docs"),
    path("docs/redoc", RedocView.as_view(), name="redoc"),
]
