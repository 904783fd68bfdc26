from django.db import migrations

COMMAND = "reconcile --after-restore"


def read_from_journal(apps, schema_editor):
    """Mark the pauses in force that were for a restored copy before somebody changed their reason."""
    events = apps.get_model("events", "Event").objects
    for pause in apps.get_model("accounts", "Pause").objects.filter(resumed_at=None, after_restore=False):
        entries = events.filter(resource_id=pause.pk).values_list("details", flat=True)
        if any(COMMAND in str(details) for details in entries):
            pause.after_restore = True
            pause.save(update_fields=["after_restore"])


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0007_pauses_after_restore"),
        ("events", "0007_ended_deliveries"),
    ]

    operations = [migrations.RunPython(read_from_journal, migrations.RunPython.noop)]
