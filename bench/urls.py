"""The product's addresses, and a small one that can be asked with a key and without."""

from django.urls import path

from bench.views import Open, Small
from ouipost.urls import urlpatterns as product

urlpatterns = [
    path("api/bench/small", Small.as_view({"get": "list"})),
    path("api/bench/open", Open.as_view()),
    *product,
]
