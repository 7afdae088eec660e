"""What a host can say: one file a fact, its frozen dataclass and its collector."""
