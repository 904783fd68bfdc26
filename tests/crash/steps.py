"""Where processes can be struck: workers at steps of the engine (`worker.py`), the web (`web.py`) in a request."""

STEPS = (
    "claimed",
    "loaded",
    "prepared",
    "armed",
    "first_byte",
    "sent",
    "answered",
    "settling",
    "settled",
    "recovering",
)
SAVED = "saved"
"""While what nobody sees is made, something is kept that must not be made again; a post without files keeps nothing."""
WINDOW = ("first_byte",)
"""Steps between the last look at the lease and the last byte: who freezes here past the lease sends late."""

POISON = "poison"
"""What a post says that takes its worker down (`odd_worker.py`)."""

POINTS = ("begun", "written", "answered", "committed")
"""Of a request that changes something: its key is taken; its work is done, and its answer kept, none of it committed;
all is committed, and the answer has not left."""
UPLOAD_POINTS = ("kept", "written", "answered", "committed")
"""Of an upload: its bytes are in the storage and no row knows them; then as above."""

REPLAY_POINTS = ("claimed", "written", "committed")
"""Of a step of a replay: nothing is done; what it does is written, and not committed; it is committed."""
