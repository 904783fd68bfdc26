from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.AddIndex("event", models.Index(fields=["user_id", "created_at"], name="event_user")),
        migrations.AddIndex("event", models.Index(fields=["key_id", "created_at"], name="event_key")),
        migrations.AddIndex("event", models.Index(fields=["type", "created_at"], name="event_type")),
        migrations.AddIndex("event", models.Index(fields=["resource_type", "created_at"], name="event_resource_type")),
    ]
