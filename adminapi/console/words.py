"""Texts of the console that are in no template and no call of gettext: from models, errors and the theme.

A test compares these lists with the code, so that nothing stays English by oversight.
"""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

from accounts import platforms
from ouipost.translating import announce

MODELS = (
    _("API key"),
    _("API keys"),
    _("Accounts"),
    _("Analytics"),
    _("Events"),
    _("Posts"),
    _("Workspaces"),
    _("account sync"),
    _("account syncs"),
    _("deliveries"),
    _("delivery"),
    _("post"),
    _("posts"),
    _("schedule"),
    _("schedules"),
    _("target"),
    _("target numbers"),
    _("targets"),
    _("user"),
    _("users"),
    _("webhook"),
    _("webhooks"),
    _("workspace"),
    _("workspaces"),
)
"""Names of apps and models; their columns have labels where they are shown."""

HELP = (_("When the connection ends unless a person acts."),)
"""Help texts of columns that a page shows."""

STORED = (
    _("{network} no longer has the post to reply to."),
    _("The network has it under an id of {length} characters, more than can be kept: {beginning}…"),
    _("It is stored in a form that cannot be read: {columns}."),
    _("Leave {network} out."),
    _("This installation does not have the network {network} any more."),
    _("A hashtag is one word, with or without its #. Change {wrong}."),
    _("May not be empty: give at least {min_length}."),
    _("{network} did not say how far it is with what it was given: {state}."),
    _("{network} took the post and gave no id."),
    _("{network} gave no refresh token: connect the account again."),
    _("{network} gave no token that can be renewed: connect the account again."),
    _("{network} answered the sign-in without a token."),
    _("{network} shows several posts that could be this one."),
    _("{network} made a container and gave no id for it."),
    _("{network} has published it and does not list it yet."),
    _("{network} was sent it twice and does not list it."),
    _("{network} is processing what it was given."),
    _("{network} is still processing the post."),
    _("{network} has dropped what it was given: it is given again."),
    _("{network} does not know what it was given."),
    _("{network} failed twice to publish it, and may take it for spam."),
    _("{network} has forgotten what it was given, and may not list the post yet."),
    _("{network} could not use the file: {words}."),
    _("{network} cannot be connected on this installation: the operator must set {variables}."),
    _("The account has used all of the {most} that {network} allows in 24 hours."),
    _("Threads could not use the file: {words}."),
    _("it says: {quoted}"),
    _("TikTok gave up on the post: it does not take {what}."),
    _("The account has reached Bluesky's daily limit for videos: {told}"),
    _("TikTok gave up on the post: {why}."),
    _("its reason is {reason}, which is unknown here"),
    _("This creator cannot post for {level}."),
    _("The creator has turned {each} off for all posts."),
    _("The video has {seconds:g} seconds; this creator may post at most {most}."),
    _("Use one of: {taken}."),
    _("Twitter/X is working on the {kind}."),
    _("LinkedIn gave no place for a {kind}."),
    _("LinkedIn is working on the {kind}."),
    _("Pinterest's storage did not take the video: it answered with status {status}."),
    _("YouTube does not show the video, because {words}."),
    _("YouTube has the video and cannot be asked about it yet: {error}"),
    _("of a reason that it calls {reason!r}"),
    _("{message} (unknown code {code})"),
    _("{message} (log_id {log_id})"),
    _("answered with status {status} and the code {code}."),
    _("answered with status {status}."),
    _("could not work on the {kind}."),
    _("cannot use the {kind}."),
    _("The network has accepted it and has not shown it: {error}"),
    _("{sent} of {all} parts are out; the next was not accepted. {error}"),
    _("Whether it was published could not be found out: {error}"),
    _("The network says that it is there already. {error}"),
    _("Nothing is accepted before {moment}, and the time for trying is over by then: {error}"),
    _("The operator has paused {what}: {noted}"),
    _(
        "The database was restored from a copy of {moment}, and does not know what was published since. Before this "
        "pause is ended, do again what people deleted, edited, disconnected or revoked since, as "
        "docs/operations/backup.md says; then run `{command}`."
    ),
    _(
        "The database has lost its last moments, as a replica that took over, and does not know what was published in "
        "them. Before this pause is ended, do again what people deleted, edited, disconnected or revoked in them, as "
        "docs/operations/backup.md says; then run `{command}`."
    ),
    _("The database's clock jumped {seconds} seconds ahead. See whether it is right."),
    _("`{command}`: what went out since {moment}?"),
    _("all publishing to {network}"),
    _("all publishing of {id}"),
    _("An image may have {most} megapixels and {side} pixels a side. Make it smaller."),
    _("The file is too large: it may have {limit} MB."),
    _("The frames of an animation may have {limit} megapixels in all. Shorten it."),
    _("The image cannot be made to fit into {most} bytes."),
    _("The PDF holds {what}, which is not accepted. Print it into a new PDF."),
    _("The file is no {kind} document. Save it as one."),
    _("Videos in {codecs} are not accepted. Export it as an MP4 with H.264 and AAC."),
    _("A video may have {most} pixels a side. Make it smaller."),
    _("Neither a platform nor a connected account: {unknown}. The platforms are {platforms}."),
    _("The post does not go to {id}, which platform_content names."),
    _("{name} shows no title of such a post: the one in platform_content is left out."),
    _("At most {most} platforms and accounts can be named."),
    _("At most {most} options can be given."),
    _("All options together may have {most} characters as JSON. Remove some."),
    _("Another slot is at the same time of the week."),
    _("Must be one of: {choices}."),
    _("All settings together may have {most} characters as JSON. Remove some."),
    _("Must be a number of minutes, 0 to {most}."),
    _("The year must be {first} to {last}."),
    _("Which {scope}?"),
    _("There is no such {scope}."),
    _("{network} says: {quoted}"),
    _("{network} {otherwise}"),
    _("It is an address at {host}, not at {usual}: is it the right one?"),
)
"""Texts with placeholders that come back in English only: stored with a post or an account, from a child process's
JSON, or from DRF. The first that matches a text counts."""

PLAIN = (
    _("The PDF is locked. Save it without a password."),
    _("The PDF has too many objects to check."),
    _("The PDF can be understood in more than one way. Print it into a new PDF."),
    _("The document fetches parts from elsewhere. Save it with all it shows inside."),
    _("The document holds macros or other files. Save it without them, or as a PDF."),
    _("The document is damaged. Export it again."),
    _("The document is locked. Save it without a password."),
    _("The document takes too much memory to check."),
    _("The document unpacks to more than is accepted. Make it smaller."),
    _("The file has no picture. Upload a video."),
    _("The image is damaged or incomplete, or too large to be converted. Export it again."),
    _("The image takes too much memory to decode. Make it smaller."),
    _("The video is damaged or incomplete. Export it again."),
    _("The video takes too much memory to check. Export it again."),
)
"""Messages of the child processes that check files; they import nothing of ours."""

THEME = (
    _("Date"),
    _("Go back"),
    _("Return to site"),
    _("Run"),
    _("Select action"),
    _("Select action to run"),
    _("Select all %(total_count)s %(module_name)s"),
    _("Select all rows"),
    _("Select record"),
    _("Toggle password visibility"),
    _("Type to search"),
    _("Welcome back to"),
    _("You have been successfully logged out from the administration"),
)
"""Texts of Django and the theme on our pages that Django's own translations lack, or have in one gender only."""


def announce_texts() -> None:
    """Register the texts so that stored ones are recognized."""
    announce(STORED, networks=[*platforms.NAMES.values()])


CALLED = {
    "event": _("line of the audit log"),
    "events": _("lines of the audit log"),
    "social account": _("account"),
    "social accounts": _("accounts"),
}
"""Readable names of rows that have other names in the code."""


def translate_names(site: AdminSite) -> None:
    """Make the names of the console's models and apps, and the columns' help texts, translatable."""
    for model in site._registry:
        options = model._meta
        options.app_config.verbose_name = gettext_lazy(str(options.app_config.verbose_name))
        one, many = str(options.verbose_name), str(options.verbose_name_plural)
        options.verbose_name = gettext_lazy(CALLED.get(one, one))
        options.verbose_name_plural = gettext_lazy(CALLED.get(many, many))
        for field in options.fields:
            field.help_text = gettext_lazy(str(field.help_text)) if field.help_text else ""
