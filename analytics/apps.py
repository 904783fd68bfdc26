from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        from accounts import hooks as accounts
        from analytics import removal, sync
        from posts import hooks as posts
        from workspaces import hooks as workspaces

        accounts.on_doubt.append(sync.check_soon)
        accounts.on_sign_in.append(sync.begin_anew)
        posts.on_delete.append(removal.forget_post)
        workspaces.on_purge.append(removal.purge)
