// A model: what it is, and tabs for what it can do and for what goes on inside it.

import { get, path } from "../api.js";
import { chart, colour } from "../chart.js";
import { choice, fault, field, fill, h, tabs } from "../dom.js";
import { inWords } from "./runs.js";

const INSIDE = [["gates", "Gates"], ["gradient", "Gradient"]];
const ABOUT = [["about", "About"]];
const TABS = {
  "language-modelling": [["write", "Write"], ["match", "Match"], ...INSIDE, ...ABOUT],
  tagging: [["tag", "Tag"], ["match", "Match"], ...INSIDE, ...ABOUT],
  seq2seq: [["translate", "Translate"], ...INSIDE, ...ABOUT],
  classification: [["predict", "Predict"], ["confusion", "Confusion"], ["match", "Match"], ...INSIDE, ...ABOUT],
  "series-classification": [["confusion", "Confusion"], ["predict", "Predict"], ...INSIDE, ...ABOUT],
  forecasting: [["forecast", "Forecast"], ...INSIDE, ...ABOUT],
  ecg: [["ecg", "Strip"], ...INSIDE, ...ABOUT],
};

export async function show(page, [name, wished]) {
  const about = await get(`/api/about/${path(name)}`);
  const offered = TABS[about.task] ?? [["predict", "Predict"], ...ABOUT];
  const tab = offered.some(([key]) => key === wished) ? wished : offered[0][0];
  const panel = h("div", { role: "tabpanel", "aria-label": offered.find(([key]) => key === tab)[1] });
  fill(page,
    h("h1", {}, name),
    h("p", { class: "soft" }, `${about.task.replaceAll("-", " ")}: ${about.rows.knows}; ${about.rows.weights} weights`),
    tabs(offered, tab, (key) => { location.hash = `#/model/${encodeURIComponent(name)}/${key}`; }, "Views of the model"),
    panel);
  if (tab === "about") return tell(panel, about);
  try {
    const view = await import(`./${tab}.js`);
    return await view.show(panel, name, about);
  } catch (error) {
    fill(panel, fault(error.message, error.details));
    return null;
  }
}

function tell(panel, about) {
  const names = Object.keys(about.history).filter((name) => !["step", "seconds"].includes(name));
  const curve = chart({ label: "History of the training", height: 280 });
  const pick = choice(names.map((one) => [one, inWords(one)]), names.find((one) => one.startsWith("nats_per")) ?? names[0], { onchange: draw });
  function draw() {
    curve.draw([{ label: inWords(pick.value), colour: colour(1), points: true }], [about.history.step, about.history[pick.value]]);
  }
  fill(panel,
    h("dl", { class: "rows" }, Object.entries(about.rows).map(([key, value]) => [h("dt", {}, key), h("dd", {}, value)])),
    about.baselines.length > 0 && [h("h2", {}, "Rules that need no training"), h("ul", { class: "notes" }, about.baselines.map((one) => h("li", {}, one)))],
    about.verdicts.length > 0 && [h("h2", {}, "Verdicts"), h("ul", { class: "notes" }, about.verdicts.map((one) => h("li", {}, one)))],
    names.length > 0 && [h("h2", {}, "History"), field("Measure", pick), curve.place]);
  if (names.length) requestAnimationFrame(draw);
  return () => curve.close();
}
