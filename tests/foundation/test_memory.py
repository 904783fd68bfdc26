"""What a process has loaded costs no more than it must."""

import gc

from ouipost import memory


def test_what_is_there_is_nothing_to_the_collector() -> None:
    loaded: list[object] = []
    try:
        memory.keep_loaded()
        made: list[object] = []
        looked_at = {id(each) for each in gc.get_objects()}
    finally:
        gc.unfreeze()

    assert (id(loaded) in looked_at, id(made) in looked_at) == (False, True)
