from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    label = "accounts"

    def ready(self) -> None:
        from accounts import services
        from workspaces import hooks

        hooks.on_purge.append(services.purge)
