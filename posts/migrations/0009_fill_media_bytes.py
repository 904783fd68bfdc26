from django.db import migrations

FILL = """
    INSERT INTO posts_mediabytes (workspace_id, total)
    SELECT posts_post.workspace_id, SUM(posts_media.size)
    FROM posts_media JOIN posts_post ON posts_post.id = posts_media.post_id
    WHERE posts_post.workspace_id NOT IN (SELECT kept.workspace_id FROM posts_mediabytes AS kept)
    GROUP BY posts_post.workspace_id
"""
"""Leaves out what is counted already: it may run again after it was stopped."""


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0008_add_media_bytes'),
    ]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
