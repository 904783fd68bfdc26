"""/admin/health, /admin/platform-health and /admin/system."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Network
from adminapi.models import Heartbeat
from adminapi.monitoring import networks, system
from adminapi.monitoring.callers import VIEW, HealthAuthentication
from adminapi.monitoring.probes import DEGRADED, HEALTHY, UNHEALTHY
from adminapi.viewsets import AdminViewSet
from ouipost.claims import database_now
from workspaces.models import Mode

STATUSES = (HEALTHY, DEGRADED, UNHEALTHY)
NETWORK_STATUSES, API_STATUSES = tuple(networks.STATUS_OF.values()), tuple(networks.STATUS_OF)


class ComponentSerializer(serializers.Serializer[Any]):
    """A part of the installation."""

    status = serializers.ChoiceField(choices=STATUSES)
    message = serializers.CharField(required=False, help_text="What is wrong with it, where something is.")


class TimedSerializer(ComponentSerializer):
    """The database, or the cache."""

    latency_ms = serializers.IntegerField(allow_null=True)


class StorageSerializer(ComponentSerializer):
    """The storage of files."""

    used_percent = serializers.FloatField(allow_null=True)


class QueueSerializer(ComponentSerializer):
    """The messages that wait for a worker."""

    pending_jobs = serializers.IntegerField(allow_null=True)


class PublisherSerializer(ComponentSerializer):
    """The workers that publish."""

    oldest_due_seconds = serializers.IntegerField(allow_null=True)
    oldest_due_delivery_seconds = serializers.IntegerField(allow_null=True, help_text="Of calls to webhooks.")
    last_beat = serializers.DateTimeField(allow_null=True)
    last_tick = serializers.DateTimeField(allow_null=True, default=None)
    workers = serializers.IntegerField(allow_null=True)
    paused = serializers.ListField(child=serializers.CharField(), help_text="What an operator has paused, and why.")


class ComponentsSerializer(serializers.Serializer[Any]):
    """All parts."""

    database = TimedSerializer()
    cache = TimedSerializer()
    storage = StorageSerializer()
    queue = QueueSerializer()
    publisher = PublisherSerializer()


class HealthSerializer(serializers.Serializer[Any]):
    """The health of the installation."""

    resource = ""
    status = serializers.ChoiceField(choices=STATUSES)
    timestamp = serializers.DateTimeField(source="at")
    components = ComponentsSerializer()


class HealthViewSet(AdminViewSet[Heartbeat]):
    """/admin/health."""

    queryset = Heartbeat.objects.none()
    authentication_classes = [HealthAuthentication]
    required_permission = VIEW

    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def retrieve(self, request: Request) -> Response:
        """Probe every component, for a second at most; 503 with the same body if a vital one does not work."""
        authentication = request.successful_authenticator
        assert isinstance(authentication, HealthAuthentication)
        health = authentication.examination.result(now=timezone.now())
        return Response(HealthSerializer(health).data, status=503 if health.status == UNHEALTHY else 200)


class NetworkHealthSerializer(serializers.Serializer[Any]):
    """The health of a network; the figures are null if nothing was sent to it."""

    mode = serializers.ChoiceField(choices=Mode.choices)
    status = serializers.ChoiceField(choices=NETWORK_STATUSES)
    api_status = serializers.ChoiceField(choices=API_STATUSES)
    last_successful_post = serializers.DateTimeField(allow_null=True)
    error_rate_24h = serializers.FloatField(allow_null=True, help_text="Percent, without what was wrong with a post.")
    avg_response_time_ms = serializers.IntegerField(allow_null=True)
    issues = serializers.ListField(child=serializers.CharField())
    api_version = serializers.CharField(allow_null=True, help_text="The version in use; null if the network has none.")
    api_version_ends = serializers.DateField(
        allow_null=True, help_text="The day from which the network refuses it, if known."
    )


class PlatformsHealthSerializer(serializers.Serializer[Any]):
    """The health of the networks, by id."""

    resource = ""
    platforms = serializers.DictField(child=NetworkHealthSerializer())
    overall_status = serializers.ChoiceField(choices=NETWORK_STATUSES)
    last_updated = serializers.DateTimeField()


class PlatformHealthViewSet(AdminViewSet[Network]):
    """/admin/platform-health."""

    queryset = Network.objects.none()
    required_permission = VIEW

    @extend_schema(responses=PlatformsHealthSerializer)
    def retrieve(self, request: Request) -> Response:
        """Show how the networks responded in the last 24 hours; if nothing is live, the simulated ones."""
        now = database_now()
        found = networks.measure(now=now)
        shown = {
            "platforms": {name: health.shown for name, health in found.items()},
            "overall_status": networks.overall(found),
            "last_updated": now,
        }
        return self.answered(PlatformsHealthSerializer(shown).data)


class MemorySerializer(serializers.Serializer[Any]):
    """The memory of the container, else of the machine."""

    used_mb = serializers.IntegerField()
    limit_mb = serializers.IntegerField()


class FeaturesSerializer(serializers.Serializer[Any]):
    """The features of this installation."""

    multi_platform = serializers.BooleanField()
    scheduling = serializers.BooleanField()
    analytics = serializers.BooleanField()
    webhooks = serializers.BooleanField()
    media_upload = serializers.BooleanField()


class SystemSerializer(serializers.Serializer[Any]):
    """The system that answers."""

    resource = ""
    version = serializers.CharField()
    environment = serializers.CharField()
    php_version = serializers.CharField(allow_null=True, help_text="Always null: there is none.")
    python_version = serializers.CharField()
    django_version = serializers.CharField()
    database_version = serializers.CharField()
    uptime_seconds = serializers.IntegerField(help_text="Of the process that answers.")
    memory = MemorySerializer()
    features = FeaturesSerializer()


class SystemViewSet(AdminViewSet[Heartbeat]):
    """/admin/system."""

    queryset = Heartbeat.objects.none()
    required_permission = VIEW

    @extend_schema(responses=SystemSerializer)
    def retrieve(self, request: Request) -> Response:
        """Show the running system, as the answering process sees it."""
        return self.answered(SystemSerializer(system.describe()).data)
