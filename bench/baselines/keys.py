"""Key, workspace and limit in the plain way: a query each, and a counter in Redis."""

import time
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from ouipost.crypto import digest
from workspaces.models import ApiKey, Workspace

client = redis.Redis.from_url(settings.REDIS_URL)
count = client.register_script(
    "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], 60) end return n"
)


class OrmKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey]:
        key = ApiKey.objects.filter(digest=digest(request.headers.get("X-API-Key", "")), is_active=True).first()
        if key is None:
            raise AuthenticationFailed
        return AnonymousUser(), key


class SeesWorkspace(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        view.workspace = Workspace.objects.filter(pk=request.headers.get("X-Workspace-ID", ""), deleted_at=None).first()
        if view.workspace is None:
            raise NotFound
        return isinstance(request.auth, ApiKey) and request.auth.has_permission(view.required_permission)


class RedisThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: Any) -> bool:
        assert isinstance(request.auth, ApiKey)
        limit: int = settings.RATE_LIMITS[request.auth.tier]
        used = int(count(keys=[f"baseline:{request.auth.pk}:{int(time.time() // 60)}"]))
        request._request.allowance = (limit, max(0, limit - used))  # type: ignore[attr-defined]  # for the headers
        return used <= limit
