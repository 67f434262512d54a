"""Inputs of an exported model from texts, words and series, and answers from its outputs. This file needs Python alone.

codec = Codec("codec.json")    # of an encoder and decoder: Codec("codec.json", part="source"), and "target"
codec.ids("a text")            # the numbers of its tokens; codec.text([3, 4, 5]) is the text of numbers
codec.inputs("a text")         # the inputs of a classifier of texts; of series: codec.inputs([[0.5], [0.7]])
codec.sentence(["a", "word"])  # those of a tagger, which reads words
codec.answer(logits[0])        # the labels that a classifier predicts, and the probability of each
codec.tags(scores[0])          # the best tags of a sentence
"""

import json
import math
import re
import unicodedata


class Codec:
    """The codec of an exported model; `part` is source or target of an encoder and decoder."""

    def __init__(self, path, part=None):
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        if values["format_version"] != 2:
            raise ValueError(f"{path}: format {values['format_version']}; this reader knows 2")
        self.codec, self.rules = values["codec"][part] if part else values["codec"], values["answers"]
        self.turned = part in self.rules.get("reversed", ())
        self.vocabulary = self.codec.get("vocabulary", self.codec)
        self.tokens = self.vocabulary.get("tokens") or self.vocabulary.get("pieces") or []
        self.known = {token: number for number, token in enumerate(self.tokens) if token}
        pattern = self.vocabulary.get("pattern", "")
        self.pattern = re.compile(re.sub(r"<(\w)>", lambda match: self.vocabulary["classes"][match[1]], pattern))

    def normal(self, text, spelling):
        """The text in the form in which the model knows it."""
        form = spelling.get("normal_form", "none")
        form_of = (lambda one: one) if form == "none" else (lambda one: unicodedata.normalize(form, one))
        return form_of(form_of(text).lower()) if spelling.get("lower") else form_of(text)

    def ids(self, text):
        """The numbers of a text's characters, bytes, words or sub-words, the last first where a model reads so."""
        ids = self._ids(text)
        return ids[::-1] if self.turned else ids

    def _ids(self, text):
        kind, reading = self.vocabulary.get("kind"), self.codec.get("reading", {})
        if kind is None or reading.get("pieces", "none") != "none":
            raise ValueError("this model reads words or series, or texts in pieces, and no text as a whole")
        text = self.normal(self.normal(text, reading), self.vocabulary)
        if kind == "bytes":
            return list(text.encode())
        if kind == "subwords":
            return [number for part in re.split("(?= )", text) for number in self._pieces(part)]
        if kind != "characters":
            return [self.known.get(word, 1) for word in self._words(text)]
        if not reading and (unknown := next((char for char in text if char not in self.known), None)):
            raise ValueError(f"the vocabulary has no {unknown!r}")
        return [self.known[char] for char in text if char in self.known]

    def _words(self, text):
        """The words of a text, cut behind elisions, such as l' in French."""
        for word in self.pattern.findall(_straight(text) if self.vocabulary["kind"] == "lexicon" else text):
            while (end := _straight(word).find("'") + 1) and end < len(word):
                if _straight(word[:end].strip().lower()) not in self.vocabulary.get("elisions", ()):
                    break
                yield word[:end]
                word = word[end:]
            yield word

    def _pieces(self, text):
        """The sub-words of a text: its characters, of which the two that make the earliest piece are joined, and so on;
        a character that is no piece is spelt by its bytes, whose numbers begin at 2."""
        parts, never = list(text), len(self.tokens)
        while len(parts) > 1:
            rank, at = min((self.known.get(parts[n] + parts[n + 1], never), n) for n in range(len(parts) - 1))
            if rank == never:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        spelt = ([self.known[p]] if p in self.known else [2 + byte for byte in p.encode()] for p in parts)
        return [number for numbers in spelt for number in numbers]

    def text(self, ids):
        """The text of numbers."""
        kind, ids = self.vocabulary["kind"], [number for number in ids if number or self.vocabulary["kind"] == "bytes"]
        ids = ids[::-1] if self.turned else ids
        if kind == "bytes":
            return bytes(ids).decode(errors="ignore")
        if kind == "subwords":
            whole = (bytes([n - 2]) if 2 <= n < 258 else self.tokens[n].encode() for n in ids)
            return b"".join(whole).decode(errors="ignore")
        return (" " if kind in ("lexicon", "spaced") else "").join(self.tokens[number] for number in ids)

    def inputs(self, data):
        """The inputs of a classifier, by name: of a text, or of a series with a list of channels for each step."""
        if isinstance(data, str):
            values = self.ids(data)[: self.codec["reading"]["max_length"]]
        else:
            mean, std = self.codec["scaler"]["mean"], self.codec["scaler"]["std"]
            values = [[(value - mean[n]) / std[n] for n, value in enumerate(step)] for step in data]
        return {"values": [values], "lengths": [len(values)]}

    def answer(self, logits):
        """The labels that a classifier predicts, and the probability of each label, likeliest first."""
        least = self.rules.get("thresholds")
        if least:
            shares = [1 / (1 + math.exp(-one)) if one >= 0 else math.exp(one) / (1 + math.exp(one)) for one in logits]
        else:
            powers = [math.exp((one - max(logits)) / self.rules["temperature"]) for one in logits]
            shares = [power / sum(powers) for power in powers]
        order, labels = sorted(range(len(shares)), key=lambda n: -shares[n]), self.codec["labels"]
        predicted = [labels[n] for n in order if shares[n] >= least[n]] if least else [labels[order[0]]]
        return {"labels": predicted, "probabilities": {labels[n]: shares[n] for n in order}}

    def sentence(self, words):
        """The inputs of a tagger for one sentence, by name."""
        known, letters = ({one: n for n, one in enumerate(self.codec[name])} for name in ("words", "letters"))
        spelt = [self.normal(word, self.codec | {"lower": False}) for word in words]
        spelt = [word if len(word) <= 24 else word[:12] + word[-12:] for word in spelt]
        longest = max(map(len, spelt))
        return {
            "words": [[known.get(self.normal(word, self.codec), 1) for word in words]],
            "spellings": [list(range(len(words)))],
            "letters": [([letters.get(one, 1) for one in word] + [0] * longest)[:longest] for word in spelt],
            "letter_counts": [len(word) for word in spelt],
            "lengths": [len(words)],
        }

    def tags(self, scores):
        """The best tags of a sentence, by the scores of each word's tags and of the transitions between them."""
        follow, start, end = (self.rules["chain"][name] for name in ("follow", "start", "end"))
        reached, came = [start[n] + one for n, one in enumerate(scores[0])], []
        for row in scores[1:]:
            ways = [max((one + follow[n][to], -n) for n, one in enumerate(reached)) for to in range(len(row))]
            came.append([-n for _, n in ways])
            reached = [ways[n][0] + one for n, one in enumerate(row)]
        best = [max(range(len(end)), key=lambda n: reached[n] + end[n])]
        for before in reversed(came):
            best.insert(0, before[best[0]])
        return [self.codec["tags"][n] for n in best]


def _straight(text):
    """The text with straight apostrophes."""
    return text.replace("’", "'")
