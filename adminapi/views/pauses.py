"""/admin/pause, /admin/resume and /admin/pauses: stopping and resuming publishing."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Pause
from adminapi.inputs import PauseInput, ResumeInput
from adminapi.monitoring.figures import Figures
from adminapi.viewsets import AdminViewSet
from ouipost.api.showing import TextOrNull
from ouipost.claims import database_now
from posts import pausing


class PauseSerializer(serializers.ModelSerializer[Pause]):
    """A pause; `id` is that of the paused network, workspace or account, null if everything is paused. `paused_by` gave
    the reason."""

    id = TextOrNull(source="subject_id")

    class Meta:
        model = Pause
        fields = ("scope", "id", "reason", "paused_at", "paused_by", "resumed_at")


class ResumedSerializer(serializers.Serializer[Any]):
    """The pause that has ended, null if there was none."""

    resource = ""
    pause = PauseSerializer(allow_null=True)


class PausesSerializer(serializers.Serializer[Any]):
    """The pauses in force, the oldest first."""

    resource = ""
    pauses = PauseSerializer(many=True)


class PauseViewSet(AdminViewSet[Pause]):
    """/admin/pause and /admin/resume."""

    queryset = Pause.objects.all()
    resource = "pause"
    required_permission = "system.manage"
    serializer_class = PauseSerializer

    @extend_schema(request=PauseInput, responses=PauseSerializer)
    def pause(self, request: Request) -> Response:
        """Stop publishing in this scope; targets in flight are finished, the others wait and do not count as late."""
        values = self.read(PauseInput)
        scope, subject = values["scope"], values.get("id") or ""
        given = {"reason": values["reason"], "actor": self.actor}
        return self.once(lambda: self.answered(pausing.pause(scope, subject, **given, now=database_now())))

    @extend_schema(request=ResumeInput, responses=ResumedSerializer)
    def resume(self, request: Request) -> Response:
        """End the pause of exactly this scope; `pause` is null if there is none."""
        values = self.read(ResumeInput)
        scope, subject = values["scope"], values.get("id") or ""
        given = {"reason": values.get("reason", ""), "actor": self.actor}

        def work() -> Response:
            ended = pausing.resume(scope, subject, **given, now=database_now())
            return self.answered(ended) if ended else self.answered({"pause": None})

        return self.once(work)


class PausesViewSet(AdminViewSet[Pause]):
    """/admin/pauses."""

    queryset = Pause.objects.all()
    required_permission = "system.view"

    @extend_schema(responses=PausesSerializer)
    def show(self, request: Request) -> Response:
        """Return the pauses in force: all if the caller may resume, else those that hold up the caller's workspaces."""
        may_resume = PauseViewSet.required_permission in self.user.granted
        seen = None if may_resume else Figures.for_user(self.user).workspace_ids
        return self.answered(PausesSerializer({"pauses": pausing.in_force_for(seen)}).data)
