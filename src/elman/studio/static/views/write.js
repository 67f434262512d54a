// Text that appears character by character, each coloured by the value of a unit after it; hovering over one, or walking
// there by the arrow keys, shows which the model held for likely next.

import { get, latest, lines, path, post } from "../api.js";
import { choice, fault, field, fill, h, named, number, percent, pointing, shown } from "../dom.js";

export async function show(panel, model) {
  const prime = h("textarea", { rows: 3, id: "prime" });
  const length = h("input", { type: "number", id: "length", min: 0, max: 4000, value: 300 });
  const temperature = h("input", { type: "number", id: "temperature", min: 0, max: 3, step: 0.1, value: 0.8 });
  const seed = h("input", { type: "number", id: "seed", min: 0, step: 1, value: 0 });
  const state = choice([], "", { id: "state", onchange: () => { unit.max = sizes[state.value] - 1; colourBy(); } });
  const unit = h("input", { type: "range", id: "unit", min: 0, max: 0, step: 1, value: 0, oninput: colourBy });
  const unitNumber = h("output", { for: "unit" }, "0");
  const go = h("button", { type: "submit", class: "main" }, "Write");
  const halt = h("button", { type: "button", hidden: true, onclick: () => abort?.abort() }, "Halt");
  const paper = h("div", { class: "paper", tabindex: 0, role: "textbox", "aria-readonly": "true", "aria-multiline": "true", "aria-label": "The text. Arrow keys walk through it." });
  const nexts = h("aside", { class: "nexts", "aria-live": "polite" }, h("p", { class: "soft" }, "Point at a character, or walk there with the arrow keys, to see what the model held for likely next."));
  const faults = h("div", {});
  const scale = h("p", { class: "scale", hidden: true }, h("span", {}, "low"), h("i", {}), h("span", {}, "high"), h("span", { class: "soft range" }));
  const pattern = h("input", { type: "text", id: "pattern", value: "[A-Z]" });
  const found = h("div", { "aria-live": "polite" });
  let tokens = [];
  let sizes = {};
  let text = "";
  let abort = null;
  let at = -1;
  let waiting = [];
  let frame = 0;

  fill(panel,
    h("form", { onsubmit: (event) => { event.preventDefault(); write(); } },
      field("Prime, which the text continues", prime),
      h("div", { class: "fields" }, field("Length", length), field("Temperature", temperature), field("Seed", seed)),
      h("div", { class: "actions" }, go, halt)),
    faults,
    h("div", { class: "fields coloured" }, field("Coloured by the state", state), field("Unit", h("span", { class: "with-output" }, unit, unitNumber))),
    h("details", {}, h("summary", {}, "Find a unit that follows something"),
      h("form", { onsubmit: (event) => { event.preventDefault(); search(); } },
        h("div", { class: "fields" }, field("A regular expression", pattern, "Such as [A-Z], \\d or \"[^\"]*\": in the text below."), h("div", { class: "actions" }, h("button", { type: "submit" }, "Find")))),
      found),
    scale,
    h("div", { class: "beside" }, paper, nexts));
  unit.setAttribute("aria-label", "Unit");

  async function write() {
    abort?.abort();
    const own = (abort = new AbortController());
    fill(faults);
    fill(paper);
    [tokens, waiting, at] = [[], [], -1];
    halt.hidden = false;
    try {
      await lines(`/api/write/${path(model)}`, {
        prime: prime.value, length: Number(length.value), temperature: Number(temperature.value), seed: Number(seed.value),
        state: state.value, unit: Number(unit.value),
      }, take, own.signal);
    } catch (error) {
      if (error.name !== "AbortError") fill(faults, fault(error.message, error.details));
    }
    if (own === abort) halt.hidden = true;
  }

  function take(piece) {
    if (piece.text) {
      text = piece.text;
      sizes = piece.sizes;
      if ([...state.options].map((one) => one.value).join() !== Object.keys(sizes).join()) {
        fill(state, Object.entries(sizes).map(([name, size]) => h("option", { value: name }, `layer ${name.replace(".", ", ")} (${size} units)`)));
        unit.max = sizes[state.value] - 1;
      }
      return;
    }
    piece.tokens.forEach((token, place) => waiting.push({ token, value: piece.values[place], nexts: piece.nexts[place], written: piece.written }));
    frame ||= requestAnimationFrame(appear);
  }

  // One character after the other, the faster the more are waiting.
  function appear() {
    frame = 0;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const count = still ? waiting.length : Math.max(1, Math.ceil(waiting.length / 40));
    for (const one of waiting.splice(0, count)) {
      one.span = h("span", { class: one.written ? "written" : "prime" }, shown(one.token));
      one.span.dataset.place = tokens.length;
      tokens.push(one);
      paper.append(one.span);
    }
    tint();
    if (waiting.length) frame = requestAnimationFrame(appear);
    else paper.dataset.done = tokens.length;
  }

  // Blue below nought, orange above; the darker, the further from it.
  function tint() {
    const most = Math.max(...tokens.map((one) => Math.abs(one.value)), 1e-6);
    for (const { span, value } of tokens) {
      span.style.backgroundColor = `color-mix(in srgb, var(--${value < 0 ? "cold" : "warm"}) ${Math.round((75 * Math.abs(value)) / most)}%, transparent)`;
    }
    scale.hidden = !tokens.length;
    fill(scale.querySelector(".range"), `${number(-most, 2)} to ${number(most, 2)}`);
  }

  // The units that tell the matches from the rest; choosing one colours the text by it.
  async function search() {
    try {
      const units = await post(`/api/see/units/${path(model)}`, { text: tokens.map((one) => one.token).join(""), pattern: pattern.value });
      fill(found, h("ul", { class: "list" }, units.map((one) => h("li", {},
        h("button", { type: "button", onclick: () => choose(one) }, `layer ${layer(one)}, ${one.state}[${one.number}]`),
        h("span", {}, `score ${number(one.score, 3)}`), h("span", { class: "soft" }, one.sign > 0 ? "higher with it" : "lower with it"),
        h("span", { class: "soft" }, `loss ${one.ablation >= 0 ? "+" : "−"}${number(Math.abs(one.ablation), 2)} if held at its mean`)))));
    } catch (error) {
      fill(found, fault(error.message, error.details));
    }
  }
  const layer = (one) => one.cell.split(".").at(-1);
  function choose(one) {
    const whole = `${layer(one)}.${one.state}`;
    state.value = whole in sizes ? whole : layer(one);
    unit.max = sizes[state.value] - 1;
    unit.value = one.number;
    colourBy();
  }

  const newest = latest();
  async function colourBy() {
    fill(unitNumber, unit.value);
    if (!text) return;
    try {
      const values = await newest(get(`/api/unit?${new URLSearchParams({ text, state: state.value, unit: unit.value })}`));
      [...tokens, ...waiting].forEach((one, place) => { one.value = values[place] ?? one.value; });
      tint();
    } catch (error) {
      fill(faults, fault(error.message, error.details));
    }
  }

  function point(place) {
    if (place < 0 || place >= tokens.length) return;
    tokens[at]?.span.classList.remove("at");
    at = place;
    const one = tokens[at];
    one.span.classList.add("at");
    fill(nexts, h("p", {}, "After ", h("b", {}, named(one.token)), h("span", { class: "soft" }, `, unit ${number(one.value, 3)}`)),
      h("ol", {}, one.nexts.map(([token, share]) => h("li", {}, h("b", {}, named(token)),
        h("meter", { max: 1, value: share, "aria-label": `${named(token)}: ${percent(share)}` }), h("span", { class: "soft" }, percent(share))))));
  }
  pointing(paper, ({ dataset: { place } }) => place && Number(place) !== at && point(Number(place)));
  paper.addEventListener("click", (event) => event.target.dataset.place && point(Number(event.target.dataset.place)));
  paper.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 20, ArrowUp: -20, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    point(Math.min(tokens.length - 1, Math.max(0, at + step)));
    tokens[at]?.span.scrollIntoView({ block: "nearest" });
  });
  return () => { abort?.abort(); cancelAnimationFrame(frame); };
}
