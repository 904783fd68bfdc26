"""Where X's API is: https://docs.x.com/x-api"""

from accounts.platforms.base import Connector

HOST = "https://api.x.com"


def address(connector: Connector, path: str) -> str:
    """Return where this is in the API of the connector's version."""
    return f"{HOST}/{connector.version}/{path}"
