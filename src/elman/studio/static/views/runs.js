// All trainings: a card for each, and the curves of those that are chosen, beside each other.

import { path, watch } from "../api.js";
import { chart, colour, joined } from "../chart.js";
import { ago, choice, field, fill, h, number, percent, refresh } from "../dom.js";

export const measures = (run) => Object.entries(run.evaluations?.at(-1) ?? {})
  .filter(([name, value]) => typeof value === "number" && !["step", "spent", "seconds", "learning_rate", "training_loss"].includes(name))
  .map(([name]) => name);

export const inWords = (name) => name.replaceAll("_", " ");

export function badge(state) {
  return h("span", { class: `badge ${state}` }, state);
}

export function card(run, level = "h3") {
  const { step, loss, spent } = run.last;
  return h("article", { class: "card", "data-key": run.name },
    h(level, {}, h("a", { href: `#/run/${encodeURIComponent(run.name)}` }, run.title)),
    badge(run.state),
    run.kind === "train" && h("progress", { max: 1, value: spent ?? 0, "aria-label": `${run.title}: share of the budget` }),
    h("p", { class: "soft" }, run.kind === "lesson" ? `lesson, ${ago(run.began)}`
      : step ? `step ${number(step)}, ${percent(spent ?? 0)}, loss ${number(loss)}` : run.work || ago(run.began)));
}

export async function show(page, _, query) {
  const chosen = new Set(query.getAll("run"));
  const known = new Map();
  const cards = h("div", { class: "cards" });
  const compared = h("section", { hidden: true });
  const name = choice([], "", { onchange: draw });
  const curves = chart({ label: "Curves of the chosen trainings", height: 340 });
  const link = h("p", { class: "link", role: "status" });
  const facts = h("div", {});
  let stop = null;

  fill(compared, h("h2", {}, "Side by side"), field("Measure", name), curves.place, facts);
  fill(page, h("h1", {}, "Trainings"), h("p", { class: "soft" }, "Choose two or more to compare them."), link, cards, compared);

  function draw() {
    const runs = [...chosen].map((one) => known.get(one)).filter(Boolean);
    const all = [...new Set(["training loss", ...runs.flatMap(measures)])];
    const before = name.value || all.find((one) => one.startsWith("nats_per")) || all[1] || all[0];
    if (all.join() !== [...name.options].map((one) => one.value).join()) {
      fill(name, all.map((one) => h("option", { value: one, selected: one === before }, inWords(one))));
    }
    const lines = runs.map((run) => name.value === "training loss" ? [run.curve.step, run.curve.loss]
      : [run.evaluations.map((one) => one.step), run.evaluations.map((one) => one[name.value] ?? null)]);
    curves.draw(runs.map((run, place) => ({ label: run.title, colour: colour(place), gaps: true, points: lines[place][0].length < 30 })), joined(lines));
    refresh(facts, h("ul", { class: "list" }, runs.map((run) => h("li", { "data-key": run.name }, h("a", { href: `#/run/${encodeURIComponent(run.name)}` }, run.title),
      h("span", { class: "soft" }, Object.entries(run.options).map(([key, value]) => `${inWords(key)} ${value}`).join(", ") || "defaults"),
      h("span", {}, `${inWords(name.value)} ${number(lines[runs.indexOf(run)][1].at(-1))}`)))));
  }

  function open() {
    stop?.();
    compared.hidden = chosen.size < 2;
    for (const one of known.keys()) if (!chosen.has(one)) known.delete(one);
    stop = watch(chosen.size > 1 ? [...chosen] : [], {
      runs: (list) => {
        refresh(cards, list.map((run) => {
          const whole = card(run, "h2");
          if (run.kind === "train") whole.append(h("label", { class: "check" }, h("input", { type: "checkbox", checked: chosen.has(run.name), onchange: (event) => {
            event.target.checked ? chosen.add(run.name) : chosen.delete(run.name);
            open();
          } }), `compare ${run.title}`));
          return whole;
        }), !list.length && h("p", { class: "soft" }, "None yet. Choose a file in the folder, and start one."));
      },
      run: (run) => { known.set(run.name, run); draw(); },
      link: (text) => fill(link, text),
    });
  }
  open();
  return () => { stop(); curves.close(); };
}
