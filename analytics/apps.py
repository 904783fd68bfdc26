from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        from analytics import removal
        from posts import hooks as posts
        from workspaces import hooks as workspaces

        posts.on_delete.append(removal.forget_post)
        workspaces.on_purge.append(removal.purge)
