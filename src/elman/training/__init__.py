"""From a task and data to trained weights, as a stream of events."""
