"""Files of word vectors: fastText, word2vec and GloVe."""
