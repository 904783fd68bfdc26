import django.db.models.deletion
from django.db import migrations, models

DROPPED = {
    "delivery": models.Index(fields=["webhook"], name="events_delivery_webhook_id_335075ec"),
    "deliveryattempt": models.Index(fields=["delivery"], name="events_deliveryattempt_delivery_id_41736bbd"),
}
"""Indexes by model. For an altered field SQLite would rewrite both tables, and block all other writes meanwhile."""


def drop(apps, schema_editor):
    for model, index in DROPPED.items():
        schema_editor.remove_index(apps.get_model("events", model), index)


def make(apps, schema_editor):
    for model, index in DROPPED.items():
        schema_editor.add_index(apps.get_model("events", model), index)


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0007_ended_deliveries'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop, make)],
            state_operations=[
                migrations.AlterField(
                    model_name='delivery',
                    name='webhook',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='events.webhook'),
                ),
                migrations.AlterField(
                    model_name='deliveryattempt',
                    name='delivery',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='log', to='events.delivery'),
                ),
            ],
        ),
    ]
