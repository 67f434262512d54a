"""Classification of numeric series: one class for a whole series of one or many channels."""
