"""The routes of the API documentation, included at `api/`, and of the admin API's, included at `admin/`."""

from django.urls import path

from ouipost.api.docs import AdminRedocView, AdminSchemaView, AdminSwaggerView, RedocView, SchemaView, SwaggerView

urlpatterns = [
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", SwaggerView.as_view(), name="docs"),
    path("docs/redoc", RedocView.as_view(), name="redoc"),
]

admin_urlpatterns = [
    path("schema", AdminSchemaView.as_view(), name="admin-schema"),
    path("docs", AdminSwaggerView.as_view(), name="admin-docs"),
    path("docs/redoc", AdminRedocView.as_view(), name="admin-redoc"),
]
