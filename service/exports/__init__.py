"""The whole catalogue as files, and what its fields mean."""
