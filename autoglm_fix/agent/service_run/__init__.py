"""Running code in the service's own Python, as its user, with its surroundings."""
