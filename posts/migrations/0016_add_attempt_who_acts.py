from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code goes on writing rows without this column: it has a default in the database."""

    dependencies = [("posts", "0015_add_scheduled_local")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="who_acts",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Who can mend what its code tells; empty where nothing is to be mended, and in older rows.",
                max_length=20,
            ),
        ),
    ]
