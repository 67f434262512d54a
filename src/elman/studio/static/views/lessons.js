// The lessons, each of which runs in a process of its own.

import { get, post } from "../api.js";
import { fault, fill, h } from "../dom.js";

export async function show(page) {
  const { lessons } = await get("/api/contents");
  const faults = h("div", {});
  const run = async (lesson, short) => {
    try {
      const started = await post(`/api/lessons/${lesson.name}?short=${short}`);
      location.hash = `#/run/${encodeURIComponent(started.name)}`;
    } catch (error) {
      fill(faults, fault(error.message, error.details));
    }
  };
  fill(page, h("h1", {}, "Lessons"), h("p", { class: "soft" }, "From three characters to taggers and ECGs. In short, a lesson takes seconds and its figures mean little; whole, it takes minutes."), faults,
    h("ul", { class: "list" }, lessons.map((lesson) => h("li", {},
      h("span", {}, lesson.title), h("span", { class: "soft" }, lesson.name),
      h("button", { type: "button", "aria-label": `Run ${lesson.title} in short`, onclick: () => run(lesson, true) }, "in short"),
      h("button", { type: "button", "aria-label": `Run ${lesson.title} whole`, onclick: () => run(lesson, false) }, "whole")))));
}
