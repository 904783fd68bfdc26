"""How a due target goes out: claimed, prepared, armed, sent, and settled; `engine` is where to begin reading."""
