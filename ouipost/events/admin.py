"""The journal in the console."""

from django.contrib import admin

from ouipost.events.models import Event
from ouipost.events.operator import ReadOnlyAdmin


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    list_display = ("created_at", "type", "resource_id", "user_email", "key_id", "ip_address")
    list_filter = ("resource_type",)
    search_fields = ("resource_id", "user_email", "key_id", "workspace_id")
    ordering = ("-created_at", "-id")
    show_full_result_count = False
