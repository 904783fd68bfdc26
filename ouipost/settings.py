"""Every setting comes from the environment (or `.env`); `.env.example` has a line for each.

Embedded mode works with none of them. Production refuses to start half-configured.
"""

import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from accounts import platforms
from ouipost import moments
from ouipost.configuration import secrets_file
from ouipost.configuration.environment import (
    above_zero,
    allowance,
    at_least,
    base_address,
    database_address,
    env,
    hosts,
    is_installed,
    is_set_to_nothing,
    limits,
    networks,
    port,
    product,
    rate_limits,
    redis_address,
    required,
)
from ouipost.configuration.stores import media_storage
from ouipost.db.configuration import REPLICA_SECONDS, database
from ouipost.observability import log_format, logs
from ouipost.outbound.guard import read_allowed

django_stubs_ext.monkeypatch()  # allows `QuerySet["Post"]` at run time

BASE_DIR = Path(__file__).resolve().parent.parent
try:
    secrets_file.read(BASE_DIR / ".env")
    secrets_file.require_assignments(BASE_DIR / ".env")
except FileNotFoundError:
    pass
except OSError as error:
    raise ImproperlyConfigured(f".env exists, but cannot be read: {error}.") from None

ENVIRONMENT = env("ENVIRONMENT", default="embedded")
if ENVIRONMENT not in ("embedded", "production"):
    raise ImproperlyConfigured("ENVIRONMENT must be embedded or production.")
EMBEDDED = ENVIRONMENT == "embedded"
DEBUG = env.bool("DEBUG", default=False)

OUIPOST_HOME = Path(env.str("OUIPOST_HOME", default=str(BASE_DIR / "var"))).absolute()
if EMBEDDED:
    # The doctor names what is missing, and makes nothing.
    if sys.argv[1:2] == ["doctor"] and not {"-h", "--help"} & set(sys.argv) and not OUIPOST_HOME.exists():
        raise ImproperlyConfigured(
            f"OUIPOST_HOME, {OUIPOST_HOME}, does not exist; nothing else was looked at. Correct it if it is "
            "misspelled; else `manage.py prepare` makes it."
        )
    try:
        secrets_file.load(OUIPOST_HOME)
        (OUIPOST_HOME / "static").mkdir(exist_ok=True)
    except OSError as error:
        message = f"OUIPOST_HOME must be a folder that this user may write to, with room left: {error}."
        raise ImproperlyConfigured(message) from None

KEPT_IN = secrets_file.path_in(OUIPOST_HOME) if EMBEDDED else None
SECRET_KEY = required("SECRET_KEY", kept_in=KEPT_IN)
TOKEN_KEYS = required("TOKEN_KEYS", kept_in=KEPT_IN).split(",")
SIMULATOR = env.bool("SIMULATOR", default=EMBEDDED)
SIMULATOR_TOKEN = required("SIMULATOR_TOKEN", kept_in=KEPT_IN) if SIMULATOR else ""
if not EMBEDDED and DEBUG:
    raise ImproperlyConfigured("DEBUG must be off when ENVIRONMENT=production.")
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("SECRET_KEY must have at least 32 characters.")

PORT = port("PORT", default=8000)
PUBLIC_BASE_URL = base_address(
    "PUBLIC_BASE_URL", default=f"http://127.0.0.1:{PORT}" if EMBEDDED else required("PUBLIC_BASE_URL")
)
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(PUBLIC_BASE_URL.lower()))]
"""Origin of the console's forms, even if a proxy in front forwards neither the scheme nor the port."""
ALLOWED_HOSTS = hosts("ALLOWED_HOSTS", default=["*"] if EMBEDDED else [])
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")
WEB_WORKERS = at_least(1, "WEB_WORKERS", default=1)
WEB_THREADS = at_least(1, "WEB_THREADS", default=64 if SIMULATOR else 8)

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",  # its pages are loaded with the URLs
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ouipost.api",
    "ouipost.events",
    "workspaces",
    "accounts",
    "posts",
    "analytics",
    "adminapi",
]
if SIMULATOR:
    INSTALLED_APPS.append("ouipost.simulator")

MIDDLEWARE = [
    "adminapi.middleware.MetricsMiddleware",
    "ouipost.api.middleware.TrustedProxiesMiddleware",
    "ouipost.api.middleware.RequestIdMiddleware",
    "ouipost.api.middleware.UnreadBodyMiddleware",
    "ouipost.api.middleware.EnvelopeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "adminapi.middleware.ContentPolicyMiddleware",
    "adminapi.console.language.ConsoleLanguageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "adminapi.console.unsaved.UnsavedMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

LOG_FORMAT = log_format.wanted()
if LOG_FORMAT not in log_format.ALL:
    raise ImproperlyConfigured("LOG_FORMAT must be text or json.")
LOGGING = logs.logging_config(LOG_FORMAT)
LOGGING_CONFIG = "ouipost.observability.logs.configure"

ROOT_URLCONF = "ouipost.urls"
WSGI_APPLICATION = "ouipost.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "adminapi" / "templates"],  # ahead of the theme's
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


DATABASES = {"default": database(database_address("DATABASE_URL", f"sqlite:///{OUIPOST_HOME / 'ouipost.sqlite3'}"))}
if SIMULATOR:
    DATABASES["simulator"] = database(
        database_address("SIMULATOR_DATABASE_URL", f"sqlite:///{OUIPOST_HOME / 'simulator.sqlite3'}")
    )
if replica := database_address("DATABASE_REPLICA_URL", ""):
    DATABASES["replica"] = database(replica, patience=REPLICA_SECONDS) | {"TEST": {"MIRROR": "default"}}
REDIS_URL = redis_address("REDIS_URL", "")
"""Redis server for keys, limits and usage shared between processes. Empty: each process has its own."""
REDIS_TIMEOUT = above_zero("REDIS_TIMEOUT", default=0.05)
"""Seconds that one call may take, including connecting, before the product continues without Redis: more if Redis is
far away."""
CELERY_BROKER_URL = "" if is_set_to_nothing("CELERY_BROKER_URL") else redis_address("CELERY_BROKER_URL", REDIS_URL)
"""Redis server for doorbells. Empty: workers only look at the database. It is the only setting that a blank value
changes: nothing else says that there is a Redis, but no broker."""
DATABASE_ROUTERS = ["ouipost.db.routers.SimulatorRouter", "ouipost.db.replica.ReplicaRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = ["adminapi.backends.CountedBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {"user_attributes": ("email", "name")}),
        ("MinimumLengthValidator", {}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "/console/login/"
LOGIN_REDIRECT_URL = "/console/"
CSRF_FAILURE_VIEW = "adminapi.console.refusals.forged"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["ouipost.formats"]
USE_THOUSAND_SEPARATOR = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = OUIPOST_HOME / "static"
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = OUIPOST_HOME / "media"
STORAGES = {
    "default": media_storage(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

IMAGE_MAX_BYTES = at_least(0, "IMAGE_MAX_BYTES", default=20_000_000)
VIDEO_MAX_BYTES = at_least(0, "VIDEO_MAX_BYTES", default=1_000_000_000)
DOCUMENT_MAX_BYTES = at_least(0, "DOCUMENT_MAX_BYTES", default=100_000_000)
IMAGE_MAX_PIXELS = at_least(0, "IMAGE_MAX_PIXELS", default=50_000_000)
"""What an image costs in memory: less on a small machine, more for large cameras."""
POST_MAX_FILES = at_least(0, "POST_MAX_FILES", default=35)
"""As many as any network takes."""
STORAGE_LIMIT_MB = at_least(0, "STORAGE_LIMIT_MB", default=10_000)
MEDIA_URL_SECONDS = 3600
MEDIA_PULL_URL_SECONDS = 24 * 3600
FILE_UPLOAD_HANDLERS = ["posts.media.temporary.NamelessFiles"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

SELF, NONE = "'self'", "'none'"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:", "blob:"],
        "worker-src": [SELF, "blob:"],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["workspaces.keys.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["ouipost.api.permissions.HasPermission"],
    "DEFAULT_RENDERER_CLASSES": ["ouipost.api.envelope.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ouipost.api.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "ouipost.api.problems.Negotiation",
    "DEFAULT_PAGINATION_CLASS": "ouipost.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["ouipost.api.filters.StrictFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ouipost.api.envelope.answer_error",
    "DATETIME_FORMAT": moments.SECONDS,
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
RATE_LIMITS = rate_limits({"starter": 60, "professional": 300, "enterprise": 1200})

NETWORK_GATEWAY = base_address("NETWORK_GATEWAY", default="")
OUTBOUND_ALLOW = env.list("OUTBOUND_ALLOW", default=[])
read_allowed(tuple(OUTBOUND_ALLOW))  # refuses an invalid entry here instead of at every call
NETWORKS = {
    platform.id: {
        "client_id": env(f"{platform.id.upper()}_CLIENT_ID", default=""),
        "client_secret": env(f"{platform.id.upper()}_CLIENT_SECRET", default=""),
        "version": env(f"{platform.id.upper()}_API_VERSION", default=""),
        "product": product(platform),
    }
    for platform in platforms.ALL
}
NETWORK_LIMITS = {platform.id: limits(platform) for platform in platforms.ALL}
NETWORK_PACE = {
    each.id: allowance(f"{each.id.upper()}_PACE", "posts", each.paces.get(product(each), each.pace))
    for each in platforms.ALL
}
NETWORK_READ_BUDGET = {
    each.id: allowance(
        f"{each.id.upper()}_READ_BUDGET", "requests", each.read_budgets.get(product(each), each.read_budget)
    )
    for each in platforms.ALL
}
NETWORK_MAX_IN_FLIGHT = {each.id: at_least(1, f"{each.id.upper()}_MAX_IN_FLIGHT", default=48) for each in platforms.ALL}
"""Calls at the same time, of all workers together: a hanging network must not occupy all threads."""

METRICS_TOKEN = env("METRICS_TOKEN", default="")
"""Bearer token of monitoring for /metrics and /admin/health. Empty disables /metrics."""
OTEL_EXPORTER_OTLP_ENDPOINT = base_address("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
"""Collector of traces, over HTTP. Empty disables tracing."""
OBSERVABILITY = "requirements-observability.txt"
if OTEL_EXPORTER_OTLP_ENDPOINT and not is_installed("opentelemetry.exporter.otlp.proto.http.trace_exporter"):
    message = f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and its packages are missing: pip install -r {OBSERVABILITY}"
    raise ImproperlyConfigured(message)
SENTRY_DSN = env("SENTRY_DSN", default="")
"""Sentry project for unexpected errors. Empty disables reports."""
if SENTRY_DSN:
    from ouipost.observability import sentry  # only if wanted

    try:
        sentry.start(SENTRY_DSN, environment=ENVIRONMENT)
    except ImportError:
        message = f"SENTRY_DSN is set, and its package is missing: pip install -r {OBSERVABILITY}"
        raise ImproperlyConfigured(message) from None
    except ValueError:
        raise ImproperlyConfigured("SENTRY_DSN cannot be read: it is https://KEY@HOST/PROJECT.") from None
ENGINE_SPEED = above_zero("ENGINE_SPEED", default=1.0)
"""Divides the publishing engine's times; for tests only."""
WORKER_THREADS = at_least(1, "WORKER_THREADS", default=64)
SYNC_THREADS = at_least(0, "SYNC_THREADS", default=8)
DELIVERY_THREADS = at_least(0, "DELIVERY_THREADS", default=32)
KEEP_SNAPSHOTS_DAYS = at_least(36, "KEEP_SNAPSHOTS_DAYS", default=36)
"""Reports by the hour go back 35 days."""

UNFOLD = {
    "SITE_TITLE": "Oui Post",
    "SITE_HEADER": "Oui Post",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: "/static/api/icon.svg"}],
    "SITE_ICON": lambda request: "/static/api/icon.svg",
    "SHOW_LANGUAGES": True,
    "STYLES": [lambda request: "/static/console/console.css"],
    "SCRIPTS": [lambda request: "/static/console/labels.js"],
    "DASHBOARD_CALLBACK": "adminapi.console.overview.page.overview",
    "SIDEBAR": {"show_search": True, "navigation": "adminapi.console.navigation.sidebar"},
    "COLORS": {
        "primary": {
            "50": "#eff6fd",
            "100": "#dbeafa",
            "200": "#bcd9f5",
            "300": "#8dc0ee",
            "400": "#579fe3",
            "500": "#2f80d3",
            "600": "#0b5cad",
            "700": "#0a4f95",
            "800": "#0b427a",
            "900": "#0c3866",
            "950": "#082444",
        }
    },
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Oui Post API",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SERVERS": [{"url": "/", "description": "The installation that serves this description."}],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_SUFFIX": "",
    "POSTPROCESSING_HOOKS": [
        "ouipost.api.schema.complete",
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ouipost.api.schema.finished",
    ],
    "WEBHOOKS": "adminapi.webhook_events.WEBHOOKS",
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "PostStatus": "posts.models.PostStatus",
        "TargetStatus": "posts.models.TargetStatus",
        "AccountStatus": "accounts.models.AccountStatus",
        "WorkspaceMode": "workspaces.models.Mode",
        "KeyMode": "workspaces.models.KeyMode",
        "Tier": "workspaces.models.Tier",
        "Role": "workspaces.models.Role",
        "PauseScope": "accounts.models.PauseScope",
        "ReplayScope": "ouipost.events.models.ReplayScope",
        "ReplayStatus": "ouipost.events.models.ReplayStatus",
        "DeliveryStatus": "ouipost.events.models.DeliveryStatus",
        "HealthStatus": "adminapi.views.health.STATUSES",
        "NetworkStatus": "adminapi.views.health.NETWORK_STATUSES",
        "NetworkApiStatus": "adminapi.views.health.API_STATUSES",
        "MediaType": "posts.models.MediaType",
        "PlatformId": "accounts.registry.IDS",
        "TimelineKind": "posts.timeline.timeline.KINDS",
        "Day": "posts.schedules.slots.DAYS",
        "Resolution": "posts.inputs.RESOLUTIONS",
        "WebhookEvent": "ouipost.events.catalogue.EVENTS",
        "KeyPermission": "workspaces.permissions.KEY_PERMISSIONS",
        "Permission": "workspaces.permissions.ADMIN_PERMISSIONS",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "REDOC_DIST": "SIDECAR",
}

SESSION_ENGINE = "adminapi.sessions.store"
SESSION_COOKIE_AGE = int(timedelta(hours=24).total_seconds())
if TRUSTED_PROXIES:
    # The middleware drops this header from other senders than trusted proxies.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$"]
if not EMBEDDED:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = at_least(0, "SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
    SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
    """HSTS of other names of the domain is not ours to decide (docs/decisions/0049)."""
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
