// Gates and states of each cell over an input: slide through time and see them open and close.

import { latest, path, post } from "../api.js";
import { choice, fault, field, fill, h, named, number, percent, shown } from "../dom.js";
import { heat, unpack } from "../heat.js";
import { input, working } from "../input.js";

const NAMES = {
  i: "input gate", f: "forget gate", o: "output gate", g: "candidate", r: "reset gate", z: "update gate", n: "candidate",
  h: "hidden state", c: "cell state",
};

export async function show(panel, model, about) {
  const place = h("div", {});
  let close = () => {};
  const form = await input(about, look, { text: about.task === "language-modelling" ? "the " : "" });
  fill(panel, form, place);

  async function look(wish) {
    close();
    try {
      const seen = await working(place, () => post(`/api/see/gates/${path(model)}`, wish));
      close = await slides(place, model, seen);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }
  return () => close();
}

async function slides(place, model, seen) {
  const cell = choice(seen.cells.map((one) => [one.name, `${one.name}, ${one.kind}`]), seen.cells[0].name, { id: "cell", onchange: draw });
  const time = h("input", { type: "range", id: "time", min: 0, max: 0, step: 1, value: 0, oninput: () => at(Number(time.value)) });
  const now = h("output", { for: "time" });
  const play = h("button", { type: "button", onclick: () => (timer ? halt() : start()) }, "Play");
  const words = h("div", { class: "paper steps", role: "group", "aria-label": "The steps" });
  const maps = h("div", { class: "maps" });
  let drawn = [];
  let chosen = seen.cells[0];
  let timer = 0;
  const newest = latest();

  fill(place,
    h("p", { class: "soft" }, `loss ${number(seen.loss)} nats per ${seen.unit}`),
    h("div", { class: "fields" }, field("Cell", cell), field("Step", h("span", { class: "with-output" }, time, now))),
    h("div", { class: "actions" }, play), words, maps);
  time.setAttribute("aria-label", "Step");

  function start() {
    fill(play, "Halt");
    if (Number(time.value) >= Number(time.max)) time.value = 0;
    timer = setInterval(() => (Number(time.value) >= Number(time.max) ? halt() : at(Number(time.value) + 1)), 120);
  }
  function halt() {
    clearInterval(timer);
    timer = 0;
    fill(play, "Play");
  }
  const clear = () => { drawn.forEach((one) => one.map.close()); drawn = []; };

  async function draw() {
    const one = seen.cells.find((one) => one.name === cell.value);
    const arrays = [...Object.keys(one.gates), ...one.states];
    const matrices = await newest(Promise.all(arrays.map((array) => post(`/api/see/array/${path(model)}`, { kept: seen.kept, cell: one.name, array }))));
    clear();
    chosen = one;
    time.max = chosen.steps.length - 1;
    fill(words, chosen.steps.map((step, n) => h("span", { onclick: () => at(n) }, shown(step) || "␣")));
    drawn = arrays.map((array, n) => {
      const matrix = unpack(matrices[n]);
      const map = heat(`${array}, ${NAMES[array] ?? "array"}: ${matrix.units} units over ${matrix.steps} steps, ${number(matrix.low, 2)} to ${number(matrix.high, 2)}`, matrix, { pick: at });
      const gate = chosen.gates[array];
      const bars = h("div", { class: "column", "aria-hidden": "true" });
      const said = h("p", { class: "soft" });
      const element = h("figure", {}, h("figcaption", {}, h("b", {}, array), ` ${NAMES[array] ?? ""}`,
        gate && h("span", { class: "soft" }, ` mean ${number(gate.mean, 2)}; near its lower end ${percent(gate.low)}, near 1 ${percent(gate.high)}`)),
      map.place, bars, said);
      return { map, matrix, bars, said, element };
    });
    fill(maps, drawn.map((one) => one.element));
    at(Math.min(Number(time.value), chosen.steps.length - 1));
  }

  function at(step) {
    time.value = step;
    fill(now, `${step + 1} of ${chosen.steps.length}, ${named(chosen.steps[step])}`);
    [...words.children].forEach((span, n) => span.classList.toggle("at", n === step));
    for (const { map, matrix, bars, said } of drawn) {
      map.at(step);
      const most = Math.max(Math.abs(matrix.low), Math.abs(matrix.high), 1e-9);
      const values = Array.from({ length: matrix.units }, (_, unit) => matrix.at(step, unit));
      while (bars.childElementCount < matrix.units) bars.append(h("i"));
      values.forEach((value, unit) => {
        const bar = bars.children[unit];
        bar.style.height = `${(100 * Math.abs(value)) / most}%`;
        bar.style.backgroundColor = `var(--${value < 0 ? "cold" : "warm"})`;
      });
      fill(said, `mean ${number(values.reduce((a, b) => a + b, 0) / values.length, 2)} at this step`);
    }
  }
  await draw();
  return () => { halt(); clear(); };
}
