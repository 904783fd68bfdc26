"""Storage of the posts' files: on this machine, or in a store that speaks S3."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ouipost.configuration.environment import env, is_installed

LOCAL = {"BACKEND": "posts.media.storage.DurableFileStorage"}
STYLES = ("auto", "virtual", "path")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def media_storage() -> dict[str, Any]:
    """Return Django's entry for the storage in `MEDIA_STORAGE`; raises ImproperlyConfigured if it is incomplete."""
    chosen = env.str("MEDIA_STORAGE", default="local")
    if chosen == "local":
        return LOCAL
    if chosen != "s3":
        raise ImproperlyConfigured("MEDIA_STORAGE must be local or s3.")
    if not is_installed("storages") or not is_installed("boto3"):
        raise ImproperlyConfigured("MEDIA_STORAGE=s3 needs what requirements-s3.txt names: install it.")
    return {"BACKEND": "posts.media.s3.S3Files", "OPTIONS": _bucket() | _keys() | _place()}


def _bucket() -> dict[str, str]:
    name = env.str("AWS_STORAGE_BUCKET_NAME", default="")
    if not name:
        raise ImproperlyConfigured("AWS_STORAGE_BUCKET_NAME must be set when MEDIA_STORAGE=s3.")
    return {"bucket_name": name, "location": env.str("AWS_LOCATION", default="").strip("/")}


def _keys() -> dict[str, str | None]:
    """Return the key; without one, boto3 uses the role of the machine or container."""
    given = [env.str(name, default="") or None for name in KEYS]
    if given.count(None) == 1:
        raise ImproperlyConfigured(
            f"{KEYS[0]} and {KEYS[1]} belong together: set both, or none for the machine's role."
        )
    return {"access_key": given[0], "secret_key": given[1]}


def _place() -> dict[str, str | None]:
    endpoint = env.str("AWS_S3_ENDPOINT_URL", default="")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ImproperlyConfigured("AWS_S3_ENDPOINT_URL must begin with http:// or https://.")
    style = env.str("AWS_S3_ADDRESSING_STYLE", default="auto")
    if style not in STYLES:
        raise ImproperlyConfigured(f"AWS_S3_ADDRESSING_STYLE must be one of {', '.join(STYLES)}.")
    region = env.str("AWS_S3_REGION_NAME", default="")
    if not endpoint and not region:
        raise ImproperlyConfigured(
            "AWS_S3_REGION_NAME must be set when MEDIA_STORAGE=s3 and no AWS_S3_ENDPOINT_URL is."
        )
    return {"endpoint_url": endpoint or None, "region_name": region or "us-east-1", "addressing_style": style}
