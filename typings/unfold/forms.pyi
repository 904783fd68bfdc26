from django.contrib.auth.forms import PasswordChangeForm as AdminOwnPasswordChangeForm

__all__ = ["AdminOwnPasswordChangeForm"]
