"""A generation on the host: what drives it, and the probes that run in the service's own Python."""
