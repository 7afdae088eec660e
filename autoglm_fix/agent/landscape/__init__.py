"""How a host is looked over for what may serve a model: one module a kind of place. Nothing here judges."""
