"""A model server over its OpenAI-compatible endpoint: asked, read and found on the host. No judgement here."""
