from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0004_add_seal")]

    operations = [
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("seq", models.PositiveBigIntegerField(default=0)),
                ("seal", models.CharField(default="", max_length=64)),
            ],
        ),
    ]
