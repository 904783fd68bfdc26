"""The console's own pages. Those that Django's admin makes from models are in `admin.site.urls`."""

from django.urls import URLPattern, path
from django.views.i18n import set_language

from adminapi.console import job_pages, pauses, removals
from adminapi.console.admins.audit import audit_csv
from adminapi.console.analytics import analytics
from adminapi.console.calendar import page as calendar
from adminapi.console.compose import page as compose
from adminapi.console.connect import connect
from adminapi.console.own_password import own_password

urlpatterns: list[URLPattern] = [
    path("password_change/", own_password),
    path("language", set_language, name="set_language"),
    path("connect/", connect, name="console_connect"),
    path("analytics/", analytics, name="console_analytics"),
    path("pauses/", pauses.show_pauses, name="console_pauses"),
    path("pauses/resume", pauses.resume, name="console_resume"),
    path("jobs/", job_pages.jobs, name="console_jobs"),
    path("jobs/<str:job>/", job_pages.job, name="console_job"),
    path("jobs/<str:job>/stop", job_pages.stop, name="console_job_stop"),
    path("old-data/", job_pages.old_data, name="console_old_data"),
    path("removals/<str:workspace>/", removals.removal, name="console_removal"),
    path("audit.csv", audit_csv, name="console_audit_csv"),
    path("compose/", compose.compose, name="console_compose"),
    path("compose/preview/", compose.preview, name="console_compose_preview"),
    path("compose/files/", compose.upload, name="console_compose_upload"),
    path("compose/<str:pk>/arrivals", compose.awaited, name="console_compose_arrivals"),
    path("compose/<str:pk>/", compose.compose_post, name="console_compose_post"),
    path("calendar/", calendar.calendar, name="console_calendar"),
    path("calendar/events", calendar.events, name="console_calendar_events"),
    path("calendar/posts/<str:pk>/move", calendar.move, name="console_calendar_move"),
]
