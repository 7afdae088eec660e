"""Putting wheels into an environment, and taking them out again, without anything of that environment being run."""
