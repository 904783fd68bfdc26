"""Finds the console's texts, phrases among them."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    """Django's own command, which knows our phrases too."""

    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=Phrase"]
