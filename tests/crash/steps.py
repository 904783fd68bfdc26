"""The steps of the engine at which a worker can be killed; `worker.py` says where each is."""

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
