import pytest

pytest.register_assert_rewrite("tests.networks.platform_case")
