from django.apps import AppConfig
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from ouipost import redis
        from workspaces.keys import admission
        from workspaces.models import ApiKey

        redis.server()  # an address that cannot be read stops the start, not the first request
        for signal in (pre_save, post_save, pre_delete, post_delete):  # without a transaction, the later ones count
            signal.connect(admission.forget_changed, sender=ApiKey)
