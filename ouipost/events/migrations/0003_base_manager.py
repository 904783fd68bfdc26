from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0002_index_each_filter")]

    operations = [migrations.AlterModelOptions(name="event", options={"base_manager_name": "objects"})]
