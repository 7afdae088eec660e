"""What a source offers in place of a model's bad files: folders, servers, hubs."""
