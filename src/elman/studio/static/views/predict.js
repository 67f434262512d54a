// Answers to any input: the classes of a text with their probabilities, or the lines that `elman predict` writes.

import { path, post } from "../api.js";
import { fault, fill, h, number, percent } from "../dom.js";
import { input, working } from "../input.js";

export async function show(panel, model, about) {
  const place = h("div", {});
  const form = await input(about, look, { label: "Predict" });
  fill(panel, form, place);

  async function look(wish) {
    const classes = about.task === "classification" && wish.text;
    try {
      const seen = await working(place, () => post(`/api/see/${classes ? "classes" : "lines"}/${path(model)}`, wish));
      fill(place, classes ? bars(seen) : lines(seen));
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }
  return null;
}

const bars = ({ labels, probabilities, weights }) => [
  h("p", { class: "large answer" }, labels.join(", ") || "no label"),
  h("div", { class: "bars", role: "list", "aria-label": "Classes" }, Object.entries(probabilities).map(([label, share]) => h("div", { role: "listitem" }, h("span", {}, label),
    h("meter", { max: 1, value: share, "aria-label": `${label}: ${percent(share)}` }), h("span", { class: "soft" }, percent(share))))),
  weights.length > 0 && [h("h2", {}, "The words that counted"), h("p", { class: "paper" }, weights.map(([word, share]) => {
    const span = h("span", { title: percent(share) }, `${word} `);
    span.style.backgroundColor = `color-mix(in srgb, var(--warm) ${Math.round(100 * Math.min(1, 2 * share))}%, transparent)`;
    return span;
  }))],
];

const lines = ({ lines, warnings, cut }) => [
  warnings.length > 0 && h("ul", { class: "notes" }, warnings.map((one) => h("li", {}, one))),
  h("pre", { class: "lines", tabindex: 0, "aria-label": "Answers" }, lines.join("\n")),
  cut && h("p", { class: "soft" }, `The first ${number(lines.length)} lines; elman predict writes all.`),
];
