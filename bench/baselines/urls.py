"""The baselines' addresses. The constant is the product's own answer, in a file that the bench wrote."""

import json
import os
from pathlib import Path

from django.urls import path

from bench.baselines.views import Bytes, Constant, NaivePost, NaivePosts

CONSTANT = Path(os.environ["BENCH_CONSTANT"]).read_bytes()

urlpatterns = [
    path("posts", NaivePosts.as_view()),
    path("posts/<str:pk>", NaivePost.as_view()),
    path("constant", Constant.as_view(data=json.loads(CONSTANT))),
    path("bytes", Bytes.as_view(body=CONSTANT)),
]
