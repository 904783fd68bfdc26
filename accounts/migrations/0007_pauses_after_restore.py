from django.db import migrations, models


def read_from_reasons(apps, schema_editor):
    """Mark the pauses whose reason names the command that such a pause waits for: that was the sign until now."""
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
