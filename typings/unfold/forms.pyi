from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
from django.contrib.auth.forms import PasswordChangeForm as AdminOwnPasswordChangeForm

__all__ = ["AdminOwnPasswordChangeForm", "AuthenticationForm"]
