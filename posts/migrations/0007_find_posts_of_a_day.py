from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0006_find_just_published'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='post',
            index=models.Index(fields=['created_at', 'workspace'], name='post_created'),
        ),
    ]
