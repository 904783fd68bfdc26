from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code goes on writing rows without this column: it has a default in the database."""

    dependencies = [("posts", "0016_add_sent_at")]

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
