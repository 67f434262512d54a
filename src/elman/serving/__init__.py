"""The service: models behind HTTP, which keep a state for each session; see docs/serve-streams.md."""
