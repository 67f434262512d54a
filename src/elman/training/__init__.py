"""Training of a task's model on data, as a stream of events."""
