"""The points at which processes can be struck: workers at steps of the engine (`worker.py`), the web in a request
(`web.py`)."""

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
"""The step at which `prepare` saves handles of work that must not be repeated; a post without files saves none."""
WINDOW = ("first_byte",)
"""Steps between the last check of the lease and the last byte: a worker frozen here past its lease sends late."""

POISON = "poison"
"""The text of a post that crashes its worker (`odd_worker.py`)."""

POINTS = ("begun", "written", "answered", "committed")
"""Points of a writing request: its key is taken; its work is done; its answer is stored, nothing is committed yet; all
is committed, but the answer is not sent."""
UPLOAD_POINTS = ("kept", "written", "answered", "committed")
"""Points of an upload: its bytes are in the storage, but have no row yet; then as above."""

REPLAY_POINTS = ("claimed", "written", "committed")
"""Points of a step of a replay: nothing is done; its work is written, but not committed; it is committed."""
