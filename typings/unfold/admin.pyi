from django.contrib.admin import ModelAdmin as ModelAdmin, TabularInline as TabularInline
