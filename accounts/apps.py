from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import services, telling
        from ouipost.events.catalogue import tellers
        from workspaces import hooks

        hooks.on_purge.append(services.purge)
        tellers["account"] = telling.of_accounts
