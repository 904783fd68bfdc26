"""A plain Django and REST framework project over the product's tables, as its maker's tutorial would have it."""

from ouipost.settings import *  # noqa: F403 (a settings module is its names)

ROOT_URLCONF = "bench.baselines.urls"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["bench.baselines.keys.OrmKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["bench.baselines.keys.SeesWorkspace"],
    "DEFAULT_THROTTLE_CLASSES": ["bench.baselines.keys.RedisThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
    "UNAUTHENTICATED_USER": None,
}
