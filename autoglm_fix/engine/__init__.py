"""One host's walk through a play, and the fleet's order: facts, findings, changes, proof."""
