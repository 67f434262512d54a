"""Language modelling: the next character, byte, word or sub-word of a text."""
