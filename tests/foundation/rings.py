"""Two keys to encrypt with, an older and a newer one."""

import base64


def make_key(letter: bytes) -> str:
    return base64.urlsafe_b64encode(letter * 32).decode()


OLD, NEW = f"old:{make_key(b'o')}", f"new:{make_key(b'n')}"
