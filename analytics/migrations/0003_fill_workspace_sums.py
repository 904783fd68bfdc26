from django.db import migrations

FILL_DAYS = """
    INSERT INTO analytics_workspaceday (workspace_id, day, posts, impressions, reach, engagement, clicks)
    SELECT told.workspace_id, told.day, SUM(told.posts), SUM(told.impressions), SUM(told.reach), SUM(told.engagement),
        SUM(told.clicks)
    FROM analytics_daytotal AS told
    WHERE NOT EXISTS (
        SELECT 1 FROM analytics_workspaceday AS kept WHERE kept.workspace_id = told.workspace_id AND kept.day = told.day
    )
    GROUP BY told.workspace_id, told.day
"""
FILL_PLATFORMS = """
    INSERT INTO analytics_platformtotal (workspace_id, platform, posts)
    SELECT told.workspace_id, told.platform, SUM(told.posts)
    FROM analytics_daytotal AS told
    WHERE NOT EXISTS (
        SELECT 1 FROM analytics_platformtotal AS kept
        WHERE kept.workspace_id = told.workspace_id AND kept.platform = told.platform
    )
    GROUP BY told.workspace_id, told.platform
"""
"""Both leave out what is there already: they may run again after they were stopped."""


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0002_add_workspace_sums'),
    ]

    operations = [
        migrations.RunSQL(FILL_DAYS, migrations.RunSQL.noop),
        migrations.RunSQL(FILL_PLATFORMS, migrations.RunSQL.noop),
    ]
