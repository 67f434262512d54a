// The gradient through time: how strongly the loss depends on the state after each step, and how far memory reaches.

import { latest, path, post } from "../api.js";
import { chart, colour, joined } from "../chart.js";
import { choice, fault, field, fill, h, number, shown } from "../dom.js";
import { heat, unpack } from "../heat.js";
import { input, working } from "../input.js";

export async function show(panel, model, about) {
  const place = h("div", {});
  const norms = chart({ label: "Norm of the gradient by step", x: "step", y: "log10 norm", height: 260 });
  const lags = chart({ label: "Norm of the Jacobian by lag", x: "log2 lag", y: "log10 norm", height: 240 });
  let map = null;
  const newest = latest();
  const form = await input(about, look);
  fill(panel, form, place);

  async function look(wish) {
    try {
      const seen = await working(place, () => post(`/api/see/gradient/${path(model)}`, wish));
      draw(seen);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }

  function draw(seen) {
    const cells = choice(seen.cells.map((one) => one.name), seen.cells[0].name, { id: "cell", onchange: units });
    const arrays = choice([], "", { id: "array", onchange: units });
    const maps = h("div", {});
    let chosen = null;
    fill(place,
      h("h2", {}, "How much the loss depends on each step"),
      h("p", { class: "soft" }, `‖dL/ds‖ after each step, in powers of ten; the loss is ${number(seen.loss)} nats per ${seen.unit}.`),
      norms.place,
      h("h2", {}, "How far back the memory reaches"),
      h("ul", { class: "verdicts" }, seen.cells.filter((one) => one.verdict).map((one) => h("li", {},
        h("b", { class: `verdict ${one.verdict}` }, one.verdict), ` ${one.name}: ${one.advice}.`))),
      lags.place,
      h("h2", {}, "The gradient of each unit"),
      h("div", { class: "fields" }, field("Cell", cells), field("Array", arrays)), maps);
    const log = (values) => values.map((value) => (value > 0 ? Math.log10(value) : null));
    norms.draw(seen.cells.map((one, n) => ({ label: one.name, colour: colour(n), points: one.norms.length < 3 })),
      joined(seen.cells.map((one) => [one.norms.map((_, step) => step + 1), log(one.norms)])));
    const far = seen.cells.filter((one) => one.lags);
    if (far.length) {
      lags.draw(far.map((one, n) => ({ label: one.name, colour: colour(n), points: true, gaps: true })),
        joined(far.map((one) => [one.lags.map(Math.log2), log(one.lag_norms)])));
    }

    async function units() {
      const cell = seen.cells.find((one) => one.name === cells.value);
      if ([...arrays.options].map((one) => one.value).join() !== cell.states.join()) fill(arrays, cell.states.map((one) => h("option", { value: one }, one)));
      const matrix = unpack(await newest(post(`/api/see/array/${path(model)}`, { kept: seen.kept, cell: cell.name, array: arrays.value })));
      map?.close();
      const said = h("p", { "aria-live": "polite", class: "soft" }, "Click on the map, or walk on it with the arrow keys, to read a step.");
      const read = (step) => {
        chosen = step;
        map.at(step);
        fill(said, `step ${step + 1}, ${shown(cell.steps[step])}: norm ${number(cell.norms[step], 3)}`);
      };
      map = heat(`log10 of the gradient: ${matrix.units} units over ${matrix.steps} steps, ${number(matrix.low, 2)} to ${number(matrix.high, 2)}`, matrix, { keys: true, pick: read });
      if (chosen !== null) read(Math.min(chosen, matrix.steps - 1));  // the step that was read on the map before this one
      fill(maps, map.place, said, h("p", { class: "scale" }, h("span", {}, `10^${number(matrix.low, 2)}`), h("i", { class: "one-sided" }), h("span", {}, `10^${number(matrix.high, 2)}`)));
    }
    units();
  }
  return () => { norms.close(); lags.close(); map?.close(); };
}
