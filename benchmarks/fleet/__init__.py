"""Ten small steps on a fleet over SSH, by this tool, its peers, and nobody: ``python -m benchmarks.fleet``."""
