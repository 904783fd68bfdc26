from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code still writes rows without these columns, so both have a default in the database."""

    dependencies = [("events", "0003_base_manager")]

    operations = [
        migrations.AddField(
            model_name="event",
            name="seq",
            field=models.PositiveBigIntegerField(
                editable=False, help_text="Its place in the chain.", null=True, unique=True
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="seal",
            field=models.CharField(db_default="", default="", editable=False, max_length=64),
        ),
    ]
