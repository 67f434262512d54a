// The confusion matrix of a classifier on a file; each cell opens its examples.

import { latest, path, post } from "../api.js";
import { fault, fill, h, number, percent, table } from "../dom.js";
import { input, working } from "../input.js";

export async function show(panel, model, about) {
  const place = h("div", {});
  const form = await input(about, look, { label: "Evaluate", filesOnly: true });
  fill(panel, form, place);

  async function look(wish) {
    try {
      const seen = await working(place, () => post(`/api/see/confusion/${path(model)}`, wish));
      draw(seen);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }

  function draw({ kept, labels, counts, accuracy }) {
    const examples = h("section", { "aria-live": "polite" });
    const newest = latest();
    const totals = counts.map((row) => row.reduce((a, b) => a + b, 0) || 1);
    const cell = (truth, predicted) => {
      const count = counts[truth][predicted];
      const button = h("button", { type: "button", "aria-label": `${count} of class ${labels[truth]} predicted as ${labels[predicted]}`, onclick: () => open(truth, predicted) }, number(count));
      const share = Math.round((70 * count) / totals[truth]);
      button.style.backgroundColor = `color-mix(in srgb, var(--${truth === predicted ? "cold" : "warm"}) ${share}%, var(--sheet))`;
      return h("td", {}, button);
    };
    fill(place,
      h("p", {}, `${percent(accuracy)} are right. Rows are true classes, columns the predicted ones; open a cell to read its examples.`),
      h("div", { class: "scroll" }, h("table", { class: "confusion" },
        h("thead", {}, h("tr", {}, h("td", {}), labels.map((label) => h("th", { scope: "col" }, label)))),
        h("tbody", {}, labels.map((label, truth) => h("tr", {}, h("th", { scope: "row" }, label), labels.map((_, predicted) => cell(truth, predicted))))))),
      examples);

    async function open(truth, predicted) {
      const found = await newest(post(`/api/see/cell/${path(model)}`, { kept, truth, predicted }));
      const rows = found.examples.map((one) => [one.text || line(one.values) || one.place, one.place, percent(one.share)]);
      fill(examples, h("h2", {}, `${labels[truth]}, predicted as ${labels[predicted]}`),
        rows.length ? table(["example", "place", "sure"], rows, found.total > rows.length ? `The surest ${rows.length} of ${number(found.total)}` : "") : h("p", { class: "soft" }, "None."));
    }
  }
  return null;
}

// A series as a small curve.
function line(values) {
  if (!values) return null;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const points = values.map((value, n) => `${(160 * n) / Math.max(1, values.length - 1)},${34 - (30 * (value - low)) / Math.max(high - low, 1e-9)}`).join(" ");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 160 38");
  svg.setAttribute("width", "160");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `a series of ${values.length} steps from ${number(low, 3)} to ${number(high, 3)}`);
  const curve = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  curve.setAttribute("points", points);
  curve.setAttribute("class", "spark");
  svg.append(curve);
  return svg;
}
