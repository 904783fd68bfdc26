"""Publish due targets: each is claimed, prepared, armed, sent, and settled. Begin reading at `one_target`."""
