"""The second version of the transformations."""
