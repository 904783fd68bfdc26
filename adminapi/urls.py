"""The admin API: included at `admin/`."""

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from adminapi.views.audit import AuditViewSet
from adminapi.views.dashboard import FiguresViewSet
from adminapi.views.health import HealthViewSet, PlatformHealthViewSet, SystemViewSet
from adminapi.views.keys import KeyViewSet
from adminapi.views.pauses import PausesViewSet, PauseViewSet
from adminapi.views.sessions import LoginViewSet, LogoutViewSet, ProfileViewSet
from adminapi.views.users import MembersViewSet, UserViewSet
from adminapi.views.webhooks import DeliveryViewSet, ReplayViewSet, WebhookViewSet

router = SimpleRouter(trailing_slash=False)
router.register("users", UserViewSet, basename="admin-users")
router.register("keys", KeyViewSet, basename="admin-keys")
router.register("webhooks", WebhookViewSet, basename="admin-webhooks")
router.register(r"webhooks/(?P<webhook>[^/]+)/deliveries", DeliveryViewSet, basename="admin-deliveries")
router.register(r"webhooks/(?P<webhook>[^/]+)/replays", ReplayViewSet, basename="admin-replays")
router.register("audit", AuditViewSet, basename="admin-audit")
profile = ProfileViewSet.as_view({"get": "retrieve", "put": "update", "patch": "update"})
members = MembersViewSet.as_view({"get": "retrieve", "put": "update", "patch": "update"})

urlpatterns = [
    path("login", LoginViewSet.as_view({"post": "login"}), name="admin-login"),
    path("logout", LogoutViewSet.as_view({"post": "logout"}), name="admin-logout"),
    path("health", HealthViewSet.as_view({"get": "retrieve"}), name="admin-health"),
    path("platform-health", PlatformHealthViewSet.as_view({"get": "retrieve"}), name="admin-platform-health"),
    path("system", SystemViewSet.as_view({"get": "retrieve"}), name="admin-system"),
    path("profile", profile, name="admin-profile"),
    re_path(r"^workspaces/(?P<pk>[^/]+)/members$", members, name="admin-members"),
    path("dashboard", FiguresViewSet.as_view({"get": "dashboard"}), name="admin-dashboard"),
    path("stats", FiguresViewSet.as_view({"get": "stats"}), name="admin-stats"),
    path("analytics", FiguresViewSet.as_view({"get": "analytics"}), name="admin-analytics"),
    path("pause", PauseViewSet.as_view({"post": "pause"}), name="admin-pause"),
    path("resume", PauseViewSet.as_view({"post": "resume"}), name="admin-resume"),
    path("pauses", PausesViewSet.as_view({"get": "show"}), name="admin-pauses"),
    path("", include(router.urls)),
]
