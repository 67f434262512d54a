// Mark a stretch of a corpus, and see where else the same units are on, and what follows there. The corpus is not
// declared read-only, since such a text has no caret by which the keyboard could mark anything; it refuses all input.

import { get, path, post } from "../api.js";
import { choice, fault, field, fill, h, named, number, percent, say, shown } from "../dom.js";
import { working } from "../input.js";

export async function show(panel, model) {
  const { files } = await get("/api/contents");
  const stem = model.replace(/elman$/, "");
  const own = files.find((one) => one.path.startsWith(stem));
  const file = choice([["", "choose one"], ...files.map((one) => one.path)], own ? own.path : "", { id: "corpus", onchange: read });
  const corpus = h("textarea", { "aria-readonly": "true", spellcheck: "false", onbeforeinput: (event) => event.preventDefault(), rows: 9, id: "stretch", class: "corpus" });
  const threshold = h("input", { type: "number", id: "threshold", step: 0.05, value: 0.3 });
  const alone = h("input", { type: "checkbox", id: "alone" });
  const place = h("div", {});
  const chosen = h("p", { class: "soft", "aria-live": "polite" }, "Nothing is marked yet.");
  fill(panel,
    field("Corpus", file),
    field("Mark a stretch: with the mouse, or with Shift and the arrow keys", corpus, "The beginning of the corpus is shown; the whole of it is searched."),
    chosen,
    h("div", { class: "fields" }, field("A unit is on above", threshold), h("p", { class: "check" }, h("label", {}, alone, " only units that are off before and after"))),
    h("div", { class: "actions" }, h("button", { type: "button", class: "main", onclick: match }, "Match")),
    place);
  corpus.addEventListener("select", () => fill(chosen, `Marked: “${shown(marked())}”`));
  document.addEventListener("selectionchange", told);
  await read();

  function marked() {
    return corpus.value.slice(corpus.selectionStart, corpus.selectionEnd);
  }
  function told() {
    if (document.activeElement === corpus && marked()) fill(chosen, `Marked: “${shown(marked())}”`);
  }
  async function read() {
    corpus.value = "";
    if (!file.value) return;
    try {
      corpus.value = (await working(place, () => post(`/api/see/corpus/${path(model)}`, { files: [file.value] }))).text;
      fill(place);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }
  async function match() {
    const part = marked();
    if (!part) return say("Mark a stretch of the corpus first.", "fault");
    const before = corpus.value.slice(0, corpus.selectionStart);
    let which = 1;
    for (let at = before.concat(part.slice(0, -1)).indexOf(part); at >= 0 && at < corpus.selectionStart; at = corpus.value.indexOf(part, at + 1)) which++;
    try {
      const seen = await working(place, () => post(`/api/see/alike/${path(model)}`,
        { files: [file.value], part, which, threshold: Number(threshold.value), alone: alone.checked }));
      draw(seen);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }
  function draw(seen) {
    const follows = Object.entries(seen.follows).slice(0, 8);
    fill(place,
      h("h2", {}, `${number(seen.units.length)} of ${number(seen.size)} units of ${seen.cell} are on all over it`),
      h("p", { class: "soft units" }, seen.units.length ? seen.units.slice(0, 40).map((unit) => `${seen.state}[${unit}]`).join("  ") : "None: lower the threshold, or mark a shorter stretch."),
      seen.places.length > 0 && [
        h("h2", {}, `${number(seen.total)} places like it`),
        h("ol", { class: "places" }, seen.places.map((one) => h("li", {},
          h("code", {}, h("span", { class: "soft" }, shownAll(one.before)), h("mark", {}, shownAll(one.text)), h("span", { class: "soft" }, shownAll(one.after))),
          h("small", {}, `${one.units.length} of ${seen.units.length} units`)))),
        h("h2", {}, "What follows there"),
        h("ol", { class: "nexts" }, follows.map(([token, share]) => h("li", {}, h("b", {}, named(token)),
          h("meter", { max: 1, value: share, "aria-label": `${named(token)}: ${percent(share)}` }), h("span", { class: "soft" }, percent(share))))),
      ]);
  }
  return () => document.removeEventListener("selectionchange", told);
}

const shownAll = (text) => text.replaceAll("\n", "↵");
