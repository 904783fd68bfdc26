from django.apps import AppConfig


class PostsConfig(AppConfig):
    name = "posts"

    def ready(self) -> None:
        from accounts import hooks as accounts
        from ouipost.events.catalogue import payload_builders
        from posts import added_tags, following, pausing, removal, webhook_payloads
        from posts.publishing import adopting
        from posts.schedules import services as schedules
        from workspaces import hooks as workspaces

        accounts.on_settings.append(added_tags.of_account)
        workspaces.on_settings.append(added_tags.of_workspace)
        accounts.on_standing.append(following.bring_drafts)
        accounts.before_disconnect.append(schedules.lock_all)
        accounts.before_disconnect.append(removal.lock_claimed)
        accounts.on_disconnect.append(schedules.leave)  # first, as it locks schedules
        accounts.on_disconnect.append(adopting.adopt_unsent)
        accounts.cancels.append(removal.cancel_for_account)
        accounts.in_flight.append(removal.in_flight)
        workspaces.on_delete.append(removal.cancel_workspace)
        workspaces.on_delete.append(pausing.end_for)
        workspaces.on_purge.append(removal.purge)
        payload_builders["post"] = webhook_payloads.post_payloads
        payload_builders["media"] = webhook_payloads.media_payloads
