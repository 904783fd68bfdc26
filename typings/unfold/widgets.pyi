from django.contrib.admin.widgets import AdminTextareaWidget as UnfoldAdminTextareaWidget
from django.contrib.admin.widgets import AdminTextInputWidget as UnfoldAdminTextInputWidget
from django.forms import CheckboxSelectMultiple as UnfoldAdminCheckboxSelectMultipleWidget

__all__ = ["UnfoldAdminCheckboxSelectMultipleWidget", "UnfoldAdminTextInputWidget", "UnfoldAdminTextareaWidget"]
