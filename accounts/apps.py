from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import services, webhook_payloads
        from ouipost.events.catalogue import payload_builders
        from workspaces import hooks

        hooks.on_purge.append(services.purge)
        payload_builders["account"] = webhook_payloads.account_payloads
