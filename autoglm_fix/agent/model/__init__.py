"""A model as files: where it lies, what an engine would load of it, what it promises, what is there."""
