"""What people write: YAML with its places, templates, variables, types; and what is wrong with it."""
