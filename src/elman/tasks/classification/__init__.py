"""Classification of texts: one class for a whole text."""
