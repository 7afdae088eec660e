"""A close look at a start that is not done: what travels only for a service that does not answer."""
