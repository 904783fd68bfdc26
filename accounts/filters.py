"""Filters of the list of accounts."""

from django_filters import rest_framework as filters

from accounts import registry
from accounts.models import AccountStatus, SocialAccount


class AccountFilter(filters.FilterSet):
    platform = filters.ChoiceFilter(choices=[(name, name) for name in registry.IDS])
    status = filters.ChoiceFilter(choices=AccountStatus.choices)

    class Meta:
        model = SocialAccount
        fields = ("platform", "status")
