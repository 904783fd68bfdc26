from django.apps import AppConfig


class PostsConfig(AppConfig):
    name = "posts"
    label = "posts"

    def ready(self) -> None:
        from accounts import hooks as accounts
        from posts import services
        from workspaces import hooks as workspaces

        accounts.on_disconnect.append(services.cancel_for_account)
        workspaces.on_delete.append(services.cancel_workspace)
        workspaces.on_purge.append(services.purge)
