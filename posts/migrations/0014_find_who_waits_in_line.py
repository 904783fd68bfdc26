from django.db import migrations, models


class Migration(migrations.Migration):
    """Whoever waits longest for an account's pace is found without reading all that wait."""

    dependencies = [("posts", "0013_name_post_count")]

    operations = [
        migrations.AddIndex(
            model_name="target", index=models.Index(fields=["account", "due_at"], name="target_in_line")
        ),
    ]
