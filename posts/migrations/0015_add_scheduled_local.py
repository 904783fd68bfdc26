from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code goes on writing rows without this column: it has a default in the database."""

    dependencies = [("posts", "0014_find_who_waits_in_line")]

    operations = [
        migrations.AddField(
            model_name="post",
            name="scheduled_local",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The local time as it was given, with its offset; empty for an exact moment or a slot.",
                max_length=40,
            ),
        ),
    ]
