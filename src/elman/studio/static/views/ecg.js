// An ECG strip on its paper, with waves and beats. Drag or use the arrow keys to scroll, + and - to zoom.

import { path, post } from "../api.js";
import { choice, fault, field, fill, h, number } from "../dom.js";
import { input, working } from "../input.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const COLOURS = { P: "--line-0", QRS: "--line-1", T: "--line-2" };

export async function show(panel, model, about) {
  const place = h("div", {});
  let leave = () => {};
  const form = await input(about, look, { label: "Read", filesOnly: true, prefer: /\.(hea|edf)$/i });
  fill(panel, h("p", { class: "soft" }, "elman is no medical device."), form, place);

  async function look({ files }) {
    leave();
    try {
      leave = await strip(place, model, files[0]);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }
  return () => leave();
}

async function strip(place, model, file) {
  const canvas = h("canvas", { class: "strip", tabindex: 0, role: "img", "aria-label": "The strip. Arrow keys scroll, plus and minus zoom." });
  const lead = choice([], "", { id: "lead", onchange: () => take() });
  const said = h("p", { "aria-live": "polite", class: "soft" });
  const summary = h("p", {});
  const faults = h("ul", { class: "notes" });
  const view = { start: 0, seconds: 10 };
  let seen = null;
  let asking = false;
  let again = false;
  const button = (label, text, act) => h("button", { type: "button", "aria-label": label, onclick: act }, text);
  const move = (share) => { view.start += share * view.seconds; take(); };
  const zoom = (factor) => {
    const middle = view.start + view.seconds / 2;
    view.seconds = Math.min(60, Math.max(1, view.seconds * factor));
    view.start = middle - view.seconds / 2;
    take();
  };
  const tools = h("div", { class: "actions" }, button("Back", "←", () => move(-0.5)), button("Forward", "→", () => move(0.5)),
    button("Zoom in", "+", () => zoom(0.5)), button("Zoom out", "−", () => zoom(2)));
  const legend = h("p", { class: "legend" }, Object.entries(COLOURS).map(([kind, colour]) => {
    const swatch = h("i", {});
    swatch.style.backgroundColor = `var(${colour})`;
    return h("span", {}, swatch, ` ${kind}`);
  }));

  async function take() {
    if (asking) { again = true; return; }
    asking = true;
    const end = seen ? seen.seconds : Infinity;
    view.start = Math.max(0, Math.min(view.start, end - view.seconds));
    try {
      seen = await post(`/api/see/strip/${path(model)}`, { file, start: view.start, seconds: view.seconds, points: 2 * Math.max(400, canvas.clientWidth), lead: lead.value });
      view.seconds = Math.min(view.seconds, seen.seconds);
      if (!lead.options.length) fill(lead, Object.keys(seen.leads).map((one) => h("option", { value: one }, one)));
      fill(summary, seen.summary);
      fill(faults, seen.faults.map((one) => h("li", {}, one)));
      fill(said, `${number(seen.start, 4)} to ${number(seen.stop, 4)} s of ${number(seen.seconds, 4)} s: ${seen.beats.length} beats`);
      draw();
    } finally {
      asking = false;
      if (again) { again = false; take(); }
    }
  }

  function draw() {
    if (!seen) return;
    const scale = devicePixelRatio;
    const names = Object.keys(seen.leads);
    const [width, row] = [canvas.clientWidth, names.length > 3 ? 110 : 190];
    const height = row * names.length + 24;
    canvas.style.height = `${height}px`;
    [canvas.width, canvas.height] = [width * scale, height * scale];
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const x = (second) => ((second - seen.start) / view.seconds) * width;
    pen.strokeStyle = css("--edge");
    for (let second = Math.ceil(seen.start / 0.2) * 0.2; second < seen.stop; second += 0.2) {
      pen.lineWidth = Math.abs(second - Math.round(second)) < 1e-6 ? 1 : 0.4;
      pen.beginPath(); pen.moveTo(x(second), 0); pen.lineTo(x(second), height - 20); pen.stroke();
    }
    pen.font = "12px system-ui";
    names.forEach((name, n) => {
      const values = seen.leads[name];
      const known = values.filter((value) => value !== null).toSorted((a, b) => a - b);
      const [low, high] = [known.at(0) ?? -1, known.at(-1) ?? 1];
      const y = (value) => row * n + 26 + (row - 40) * (1 - (value - low) / Math.max(high - low, 0.2));
      if (name === seen.lead) {
        for (const wave of seen.waves) {
          pen.fillStyle = `color-mix(in srgb, ${css(COLOURS[wave.kind])} ${Math.round(12 + 30 * wave.sure)}%, transparent)`;
          pen.fillRect(x(wave.onset), row * n + 4, x(wave.end) - x(wave.onset), row - 8);
        }
      }
      pen.strokeStyle = css("--ink");
      pen.lineWidth = 1.3;
      pen.beginPath();
      let broken = true;
      const step = (seen.stop - seen.start) / Math.max(1, values.length);
      values.forEach((value, place) => {
        if (value === null) { broken = true; return; }
        const at = x(seen.start + place * step);
        broken ? pen.moveTo(at, y(value)) : pen.lineTo(at, y(value));
        broken = false;
      });
      pen.stroke();
      const label = `${name}  ${number(low, 2)} to ${number(high, 2)} mV`;
      pen.fillStyle = css("--sheet");
      pen.fillRect(3, row * n + 3, pen.measureText(label).width + 8, 18);
      pen.fillStyle = css("--ink");
      pen.fillText(label, 6, row * n + 16);
    });
    pen.textAlign = "center";
    for (const beat of seen.beats) pen.fillText(beat.kind, x(beat.at), height - 6);
    pen.textAlign = "left";
  }

  canvas.addEventListener("keydown", (event) => {
    const act = { ArrowLeft: () => move(-0.1), ArrowRight: () => move(0.1), "+": () => zoom(0.5), "-": () => zoom(2), Home: () => { view.start = 0; take(); }, End: () => { view.start = Infinity; take(); } }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  let from = null;
  canvas.addEventListener("pointerdown", (event) => { from = [event.clientX, view.start]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => { if (from) { view.start = from[1] - ((event.clientX - from[0]) / canvas.clientWidth) * view.seconds; take(); } });
  canvas.addEventListener("pointerup", () => { from = null; });
  canvas.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoom(event.deltaY > 0 ? 1.2 : 0.83); } }, { passive: false });

  fill(place, h("div", { class: "fields" }, field("Lead with its waves", lead)), tools, legend, canvas, said, summary, faults);
  const watcher = new ResizeObserver(draw);
  watcher.observe(place);
  window.addEventListener("theme", draw);
  await working(place, take);
  return () => { watcher.disconnect(); window.removeEventListener("theme", draw); };
}
