// Answers to a text, and the attention: where the model looked for each token that it wrote.

import { path, post } from "../api.js";
import { fault, fill, h, named, number, percent, pointing } from "../dom.js";
import { input, working } from "../input.js";

export async function show(panel, model, about) {
  const place = h("div", {});
  const form = await input(about, look, { label: "Translate", textOnly: true });
  fill(panel, form, place);

  async function look(wish) {
    try {
      const seen = await working(place, () => post(`/api/see/translation/${path(model)}`, wish));
      fill(place,
        h("p", { class: "large answer" }, seen.answers[0].text || "(nothing)"),
        seen.attention ? map(seen.attention) : h("p", { class: "soft" }, seen.without),
        h("h2", {}, "The best answers"),
        h("ol", { class: "notes" }, seen.answers.map((one) => h("li", {}, one.text || "(nothing)", h("span", { class: "soft" }, ` score ${number(one.score, 3)}`)))));
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }
  return null;
}

// A row for each token that was written; the darker a cell, the more it counted. Arrow keys walk through the cells.
function map({ source, target, weights }) {
  const said = h("p", { class: "soft", "aria-live": "polite" }, "Point at a cell, or walk there with the arrow keys.");
  const cell = (row, column) => {
    const share = weights[row][column];
    const text = `${named(target[row] || "end")} from ${named(source[column])}: ${percent(share)}`;
    const element = h("td", { tabindex: row || column ? -1 : 0, "aria-label": text, onfocus: () => fill(said, text) });
    element.style.backgroundColor = `color-mix(in srgb, var(--line-0) ${Math.round(100 * share)}%, transparent)`;
    return element;
  };
  const table = h("table", { class: "attention" },
    h("thead", {}, h("tr", {}, h("td", {}), source.map((token) => h("th", { scope: "col", class: [...named(token)].length > 1 && "long" }, named(token))))),
    h("tbody", {}, target.map((token, row) => h("tr", {}, h("th", { scope: "row" }, named(token) || "end"), source.map((_, column) => cell(row, column))))));
  pointing(table, (element) => element.ariaLabel && fill(said, element.ariaLabel));
  table.addEventListener("keydown", (event) => {
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
    const row = event.target.parentElement;
    const next = table.tBodies[0].rows[row.sectionRowIndex + down]?.cells[event.target.cellIndex + right];
    if ((down || right) && next?.tagName === "TD") {
      event.preventDefault();
      next.focus();
    }
  });
  return [h("h2", {}, "Where it looked"), h("div", { class: "scroll" }, table), said];
}
