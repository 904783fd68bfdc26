from django.db import migrations, models


def read_from_reasons(apps, schema_editor):
    """Mark the pauses for restored copies, which until now were recognized by a command in their reason."""
    apps.get_model("accounts", "Pause").objects.filter(reason__contains="reconcile --after-restore").update(
        after_restore=True
    )


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0006_index_remote_ids"),
    ]

    operations = [
        migrations.AddField(
            model_name="pause",
            name="after_restore",
            field=models.BooleanField(
                default=False,
                db_default=False,
                help_text="For a restored copy, which does not know what went out since.",
            ),
        ),
        migrations.RunPython(read_from_reasons, migrations.RunPython.noop),
    ]
