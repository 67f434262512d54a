"""The networks of the tasks; they map arrays to arrays."""
