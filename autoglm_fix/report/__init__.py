"""What people and programs read of a run: listeners on the engine's events, one file an output."""
