from django.db import migrations, models


class Migration(migrations.Migration):
    """Old code goes on writing rows without this column: an edit by it lets earlier late answers count, as before.

    The column may be negative: MySQL may copy the whole table to check a new one.
    """

    dependencies = [("posts", "0017_add_attempt_who_acts")]

    operations = [
        migrations.AddField(
            model_name="target",
            name="forgotten_fence",
            field=models.BigIntegerField(
                editable=False,
                help_text="The fence when its post was last changed after a send: no earlier answer counts.",
                null=True,
            ),
        ),
    ]
