"""How long those wait who ask the service: what travels only where a client or a proxy was found."""
