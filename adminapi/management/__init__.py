NOBODY_CAN_TELL = 3
"""The exit code for want of settings or a database: 1 often means that something was found."""
