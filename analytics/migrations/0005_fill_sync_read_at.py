from django.db import migrations

FILL = """
    UPDATE analytics_accountsync
    SET read_at = (
        SELECT MAX(told.read_at) FROM analytics_accountday AS told WHERE told.account_id = analytics_accountsync.account_id
    )
    WHERE read_at IS NULL
"""
"""Leaves out what is filled already: it may run again after it was stopped.

An account's own numbers are read once a day: the next reading corrects what is up to a day too early.
"""


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0004_add_sync_read_at'),
    ]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
