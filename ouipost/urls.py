"""Every address of the product."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, re_path
from rest_framework.routers import SimpleRouter

from accounts.connect_page import connect
from accounts.hosted import done
from accounts.views import AccountViewSet, PlatformViewSet
from adminapi.console import site
from adminapi.monitoring.metrics import show_metrics
from adminapi.viewsets import UnknownAdminAddress
from analytics.views import AnalyticsViewSet, PostAnalyticsViewSet
from ouipost.api import health
from ouipost.api.unknown import UnknownAddress
from ouipost.api.urls import admin_urlpatterns
from posts.schedules.views import ScheduleViewSet
from posts.views import MediaViewSet, PostViewSet
from workspaces.views import WorkspaceViewSet

api = SimpleRouter(trailing_slash=False)
api.register("platforms", PlatformViewSet, basename="platforms")
api.register("workspaces", WorkspaceViewSet, basename="workspaces")
api.register("accounts", AccountViewSet, basename="accounts")
api.register("posts", PostViewSet, basename="posts")
api.register("schedules", ScheduleViewSet, basename="schedules")
api.register("media", MediaViewSet, basename="media")
report = AnalyticsViewSet.as_view({"get": "report"})
post_report = PostAnalyticsViewSet.as_view({"get": "retrieve"})

urlpatterns: list[URLPattern | URLResolver] = [
    path("", health.index, name="index"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", show_metrics, name="metrics"),
    path("api/", include("ouipost.api.urls")),
    path("api/", include(api.urls)),
    path("api/analytics", report, name="analytics"),
    re_path(r"^api/posts/(?P<pk>[^/]+)/analytics$", post_report, name="post-analytics"),
    re_path(r"^api(?:/|$)", UnknownAddress.as_view()),
    path("admin/", include(admin_urlpatterns)),
    path("admin/", include("adminapi.urls")),
    re_path(r"^admin(?:/|$)", UnknownAdminAddress.as_view()),
    path("media/", include("posts.media.serving")),
    path("connect/<str:platform>", connect, name="connect"),
    path("connect/<str:platform>/done", done, name="connect_done"),
    path("console/", include("adminapi.console.urls")),
    path("console/", site.load()),
]
if settings.SIMULATOR:
    urlpatterns.append(path("sandbox/", include("ouipost.simulator.urls")))

handler403 = "adminapi.console.refusals.forbidden"
handler404 = "adminapi.console.refusals.not_found"
handler500 = "adminapi.console.refusals.broken"
