"""All that runs on a host: standard library only, Python 3.8 and newer, loaded from memory."""
