// Inputs of an exported model from texts, words and series, and answers from its outputs; for browsers and Node, without
// packages.
//
// const codec = new Codec(JSON.parse(contents of codec.json)); // of an encoder and decoder: new Codec(values, "source")
// codec.ids("a text");           // the numbers of its tokens; codec.text([3, 4, 5]) is the text of numbers
// codec.inputs("a text");        // the inputs of a classifier of texts; of series: codec.inputs([[0.5], [0.7]])
// codec.sentence(["a", "word"]); // those of a tagger, which reads words
// codec.answer(logits);          // the labels that a classifier predicts, and the probability of each
// codec.tags(scores);            // the best tags of a sentence, from the scores of each word's tags
const plain = (word) => word.replaceAll("’", "'");
const best = (values) => values.reduce((at, value, n) => (value > values[at] ? n : at), 0);
const bytesOf = (text) => [...new TextEncoder().encode(text)];
const decoded = (bytes) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(bytes)).replaceAll("\ufffd", "");

export class Codec {
  constructor(values, part) {
    if (values.format_version !== 2) throw new Error(`format ${values.format_version}; this reader knows 2`);
    this.codec = part ? values.codec[part] : values.codec;
    this.rules = values.answers;
    this.turned = (this.rules.reversed ?? []).includes(part);
    this.vocabulary = this.codec.vocabulary ?? this.codec;
    this.tokens = this.vocabulary.tokens ?? this.vocabulary.pieces ?? [];
    this.known = new Map(this.tokens.map((token, n) => [token, n]).filter(([token]) => token));
    const spell = (_, letter) => this.vocabulary.classes[letter];
    this.pattern = new RegExp((this.vocabulary.pattern ?? "").replace(/<(\w)>/g, spell), "gu");
  }
  normal(text, { normal_form: form = "none", lower = false }) {
    const formOf = (one) => (form === "none" ? one : one.normalize(form));
    return lower ? formOf(formOf(text).toLowerCase()) : formOf(text);
  }
  ids(text) {  // the last comes first where a model reads so
    return this.turned ? this.tokenIds(text).reverse() : this.tokenIds(text);
  }
  tokenIds(text) {
    const kind = this.vocabulary.kind, reading = this.codec.reading ?? {};
    if (!kind || (reading.pieces ?? "none") !== "none")
      throw new Error("this model reads words or series, or texts in pieces, and no text as a whole");
    text = this.normal(this.normal(text, reading), this.vocabulary);
    if (kind === "bytes") return bytesOf(text);
    if (kind === "subwords") return text.split(/(?= )/).flatMap((part) => this.pieces(part));
    if (kind !== "characters") return this.words(text).map((word) => this.known.get(word) ?? 1);
    const unknown = [...text].find((char) => !this.known.has(char));
    if (unknown && !this.codec.reading) throw new Error(`the vocabulary has no ${JSON.stringify(unknown)}`);
    return [...text].filter((char) => this.known.has(char)).map((char) => this.known.get(char));
  }
  words(text) {  // cut behind elisions, such as l' in French
    const elisions = new Set(this.vocabulary.elisions ?? []), words = [];
    for (let word of (this.vocabulary.kind === "lexicon" ? plain(text) : text).match(this.pattern) ?? []) {
      let end;
      while ((end = plain(word).indexOf("'") + 1) && end < word.length
             && elisions.has(plain(word.slice(0, end).replace(/^ /, "").toLowerCase()))) {
        words.push(word.slice(0, end));
        word = word.slice(end);
      }
      words.push(word);
    }
    return words;
  }
  pieces(text) {  // of a text's characters, the two that make the earliest piece are joined, and so on
    const parts = [...text];
    for (;;) {
      const ranks = parts.slice(1).map((part, n) => -(this.known.get(parts[n] + part) ?? Infinity)), at = best(ranks);
      if (!ranks.length || ranks[at] === -Infinity) break;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
    return parts.flatMap((part) => this.known.get(part) ?? bytesOf(part).map((byte) => 2 + byte));
  }
  text(ids) {
    const kind = this.vocabulary.kind;
    if (kind === "bytes") return decoded(ids);
    ids = ids.filter((id) => id);
    if (this.turned) ids.reverse();
    if (kind === "subwords") return decoded(ids.flatMap((id) => (id > 1 && id < 258 ? id - 2 : bytesOf(this.tokens[id]))));
    return ids.map((id) => this.tokens[id]).join(kind === "lexicon" || kind === "spaced" ? " " : "");
  }
  inputs(data) {
    const { mean, std } = this.codec.scaler ?? {};
    const values = typeof data === "string" ? this.ids(data).slice(0, this.codec.reading.max_length)
      : data.map((step) => step.map((value, n) => (value - mean[n]) / std[n]));
    return { values: [values], lengths: [values.length] };
  }
  answer(logits) {
    const { thresholds, temperature } = this.rules, labels = this.codec.labels, most = Math.max(...logits);
    let shares = [...logits].map((one) => thresholds ? 1 / (1 + Math.exp(-one)) : Math.exp((one - most) / temperature));
    const sum = shares.reduce((a, b) => a + b, 0);
    if (!thresholds) shares = shares.map((one) => one / sum);
    const order = shares.map((_, n) => n).sort((a, b) => shares[b] - shares[a]);
    const predicted = thresholds ? order.filter((n) => shares[n] >= thresholds[n]) : order.slice(0, 1);
    return { labels: predicted.map((n) => labels[n]), probabilities: new Map(order.map((n) => [labels[n], shares[n]])) };
  }
  sentence(words) {
    const place = (list, one) => list.includes(one) ? list.indexOf(one) : 1;
    const spelt = words.map((word) => [...this.normal(word, { ...this.codec, lower: false })])
      .map((word) => word.length <= 24 ? word : [...word.slice(0, 12), ...word.slice(-12)]);
    const longest = Math.max(...spelt.map((word) => word.length));
    const padded = (ids) => [...ids, ...Array(longest - ids.length).fill(0)];
    return {
      words: [words.map((word) => place(this.codec.words, this.normal(word, this.codec)))],
      spellings: [words.map((_, n) => n)],
      letters: spelt.map((word) => padded(word.map((char) => place(this.codec.letters, char)))),
      letter_counts: spelt.map((word) => word.length),
      lengths: [words.length],
    };
  }
  tags(scores) {
    const { follow, start, end } = this.rules.chain, came = [];
    let reached = start.map((one, n) => one + scores[0][n]);
    for (const row of scores.slice(1)) {
      const before = start.map((_, to) => best(reached.map((one, n) => one + follow[n][to])));
      reached = before.map((n, to) => reached[n] + follow[n][to] + row[to]);
      came.unshift(before);
    }
    const tags = [best(reached.map((one, n) => one + end[n]))];
    for (const before of came) tags.unshift(before[tags[0]]);
    return tags.map((n) => this.codec.tags[n]);
  }
}
