from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "ouipost.events"
    label = "events"
