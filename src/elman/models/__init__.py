"""Arrays to arrays: the networks of the tasks."""
