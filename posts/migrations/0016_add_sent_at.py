from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code goes on writing rows without this column: nothing that was sent then needs a place of its account's
    pace again."""

    dependencies = [("posts", "0015_add_scheduled_local")]

    operations = [
        migrations.AddField(
            model_name="target",
            name="sent_at",
            field=models.DateTimeField(editable=False, help_text="When the visible call was last allowed.", null=True),
        ),
    ]
