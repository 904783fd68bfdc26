from django.contrib.admin.widgets import AdminIntegerFieldWidget as UnfoldAdminIntegerFieldWidget
from django.contrib.admin.widgets import AdminTextareaWidget as UnfoldAdminTextareaWidget
from django.contrib.admin.widgets import AdminTextInputWidget as UnfoldAdminTextInputWidget
from django.forms import CheckboxInput as UnfoldBooleanWidget
from django.forms import CheckboxSelectMultiple as UnfoldAdminCheckboxSelectMultipleWidget
from django.forms import PasswordInput as UnfoldAdminPasswordWidget
from django.forms import Select as UnfoldAdminSelectWidget

__all__ = [
    "UnfoldAdminCheckboxSelectMultipleWidget",
    "UnfoldAdminIntegerFieldWidget",
    "UnfoldAdminPasswordWidget",
    "UnfoldAdminSelectWidget",
    "UnfoldAdminTextInputWidget",
    "UnfoldAdminTextareaWidget",
    "UnfoldBooleanWidget",
]
