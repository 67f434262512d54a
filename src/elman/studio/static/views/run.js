// A training, watched: its curve, figures and samples; it is paused, stopped and resumed here.

import { get, path, post, watch } from "../api.js";
import { chart, colour, joined } from "../chart.js";
import { choice, duration, fault, field, fill, h, number, percent, refresh, say } from "../dom.js";
import { badge, inWords, measures } from "./runs.js";

const ACTIONS = {
  running: [["pause", "Pause"], ["stop", "Stop and keep"]],
  paused: [["continue", "Continue"], ["stop", "Stop and keep"]],
  stopping: [["stop", "Stop at once"]],
  stopped: [["resume", "Resume"], ["remove", "Remove from the list"]],
  failed: [["resume", "Try to resume"], ["remove", "Remove from the list"]],
  done: [["remove", "Remove from the list"]],
};

export async function show(page, [name]) {
  const title = h("h1", {}, name);
  const state = h("span", {});
  const actions = h("div", { class: "actions" });
  const progress = h("progress", { max: 1, value: 0, "aria-label": "Share of the budget" });
  const figures = h("dl", { class: "figures" });
  const losses = chart({ label: "Loss by step", y: "nats", height: 300 });
  const measure = choice([], "", { id: "measure", onchange: () => draw(now) });
  const second = chart({ label: "A measure of the validation part by step", height: 200 });
  const training = h("section", {}, losses.place, h("div", { class: "samples" }), field("Measure", measure), second.place);
  const samples = training.querySelector(".samples");
  const notes = h("ul", { class: "notes" });
  const text = h("pre", { class: "lines", tabindex: 0, "aria-label": "Output", hidden: true });
  const pictures = h("div", { class: "pictures" });
  const errors = h("div", {});
  const link = h("p", { class: "link", role: "status" });
  let now = null;
  let shownState = "";
  let sampled = 0;

  fill(page, h("div", { class: "head" }, title, state, actions), link, progress, figures, errors, training, notes, text, pictures);

  async function act(action) {
    try {
      const said = await post(`/api/runs/${encodeURIComponent(name)}/${action}`);
      if (action === "remove") location.hash = "#/runs";
      else if (now) told({ ...now, ...said });
    } catch (error) {
      say(error.message, "fault");
    }
  }

  function draw(run) {
    if (run.kind === "lesson") return drawLesson(run);
    const nats = measures(run).find((one) => one.startsWith("nats_per"));
    const checks = [run.evaluations.map((one) => one.step), run.evaluations.map((one) => one[nats] ?? null)];
    const lines = [[run.curve.step, run.curve.loss], ...(nats ? [checks] : [])];
    losses.draw([{ label: "training", colour: colour(0), gaps: true, points: lines[0][0].length < 2 },
      ...(nats ? [{ label: "validation", colour: colour(1), gaps: true, points: true }] : [])], joined(lines));
    const others = ["speed", "gradient_norm", "learning_rate", ...measures(run)];
    if (others.join() !== [...measure.options].map((one) => one.value).join()) {
      const before = measure.value || measures(run).find((one) => !one.startsWith("nats_per")) || "speed";
      fill(measure, others.map((one) => h("option", { value: one, selected: one === before }, inWords(one))));
    }
    const chosen = measure.value;
    const points = run.curve[chosen] ? [run.curve.step, run.curve[chosen]]
      : [run.evaluations.map((one) => one.step), run.evaluations.map((one) => one[chosen] ?? null)];
    second.draw([{ label: inWords(chosen), colour: colour(2), points: points[0].length < 40 }], points);
  }

  async function drawLesson(run) {
    training.hidden = progress.hidden = true;
    text.hidden = false;
    refresh(text, run.lines.join("\n"));
    const drawn = await get(`/api/pictures/${encodeURIComponent(name)}`);
    if (drawn.length !== pictures.childElementCount || run.state === "done") {
      fill(pictures, drawn.map((picture) => h("img", { src: `/api/pictures/${encodeURIComponent(name)}?picture=${encodeURIComponent(picture)}`, alt: picture.replace(".png", "").replaceAll("-", " ") })));
    }
  }

  function told(run) {
    now = run;
    fill(title, run.title);
    fill(state, badge(run.state));
    if (run.state !== shownState) {
      const offered = ACTIONS[run.state].filter(([action]) => run.kind === "train" || ["stop", "remove"].includes(action));
      fill(actions, offered.map(([action, label]) => h("button", {
        type: "button", onclick: () => act(action), disabled: action === "pause" && !run.pausable,
        title: action === "pause" && !run.pausable ? "A budget in minutes goes on by the clock: stop it and resume it instead" : null,
      }, label)),
      run.place && run.last.step && h("a", { class: "button", href: `#/model/${encodeURIComponent(run.place)}` }, "Open the model"));
      if (shownState) say(`${run.title}: ${run.state}`);
      shownState = run.state;
    }
    const { step, loss, speed, epoch, spent, seconds } = run.last;
    progress.value = ["done"].includes(run.state) ? 1 : spent ?? 0;
    const unit = run.started.loss_unit ?? "step";
    const best = run.evaluations.findLast((one) => one.is_best);
    const nats = best && measures(run).find((one) => one.startsWith("nats_per"));
    const left = run.state === "running" && spent > 0 ? duration(seconds / spent * (1 - spent)) : run.state === "done" ? "none" : "–";
    const rows = { work: run.state === "running" ? run.work : run.state, step: number(step), loss: `${number(loss)} nats/${unit}`, ...(nats ? { "best validation": number(best[nats]) } : {}),
      speed: `${number(speed, 3)} ${unit}s/s`, "passes": number(epoch, 3), "time spent": duration(seconds ?? NaN), "time left": left };
    if (run.kind === "train") refresh(figures, Object.entries(rows).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))));
    refresh(notes, [...run.notes, ...(run.judged.verdicts ?? [])].map((note) => h("li", {}, note)));
    refresh(errors, run.error && fault("The training has failed. It said:", run.error));
    draw(run);
    sample(run);
  }

  // A sample of what the model can do so far, whenever it was saved anew; at most every half minute.
  async function sample(run) {
    if (run.kind !== "train" || !run.last.step) return;
    const mark = run.state === "running" ? Math.floor(Date.now() / 30000) : run.evaluations.length + run.state;
    if (sampled === mark) return;
    sampled = mark;
    try {
      const said = await post(`/api/sample/${encodeURIComponent(name)}`);
      if (said.without) fill(samples, h("p", { class: "soft" }, `No sample yet: ${said.without}`));
      else fill(samples, h("h2", {}, `A sample after step ${number(said.step)}`), h("pre", { class: "sample", tabindex: 0, "aria-label": "Sample" }, said.text));
    } catch (error) {
      fill(samples, h("p", { class: "soft" }, error.message));
    }
  }

  const stop = watch([name], {
    run: told,
    runs: (list) => { if (!list.some((run) => run.name === name)) fill(errors, fault("This training is not in the list any more.")); },
    link: (said) => fill(link, said),
  });
  return () => { stop(); losses.close(); second.close(); };
}
