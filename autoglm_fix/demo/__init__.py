"""A small real model with real faults, to see the tool at work without a GPU or a hub."""
