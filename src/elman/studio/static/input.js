// The input that a model looks at: a text that is typed, or files of the folder.

import { get, latest } from "./api.js";
import { choice, field, h } from "./dom.js";

const TEXTS = ["language-modelling", "tagging", "seq2seq", "classification"];

// A form whose button calls `go` with {text, files}; `text` is an example to begin with.
export async function input(about, go, { label = "Look", text = "", filesOnly = false, textOnly = false, more = [], prefer = "" } = {}) {
  const { files } = await get("/api/contents");
  const typed = TEXTS.includes(about.task) && !filesOnly;
  const area = h("textarea", { rows: 3, id: "input-text" });
  area.value = text;
  const names = files.map((file) => file.path);
  const first = names.find((name) => prefer && name.match(prefer)) ?? (typed ? "" : names[0] ?? "");
  const pick = choice([...(typed ? [["", "none: the text above"]] : []), ...names], first, { id: "input-file" });
  const form = h("form", { class: "input", onsubmit: (event) => {
    event.preventDefault();
    const file = textOnly ? "" : pick.value;
    go(file ? { files: [file] } : { text: area.value });
  } },
  typed && field("Text", area), !textOnly && field(typed ? "or a file" : "File", pick), more,
  h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, label)));
  return form;
}

const newest = new WeakMap();

// Calls `look`, and shows in `place` that it works; a later look there takes the place of this one.
export async function working(place, look) {
  if (!newest.has(place)) newest.set(place, latest());
  place.setAttribute("aria-busy", "true");
  place.classList.add("busy");
  try {
    return await newest.get(place)(look());
  } finally {
    place.removeAttribute("aria-busy");
    place.classList.remove("busy");
  }
}
