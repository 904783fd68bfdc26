"""What an installation tells of itself while it runs: its log, its errors, and its traces."""
