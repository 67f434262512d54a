// Files before training: what elman takes them for, what is in them, and the form that starts a training.

import { get, latest, post } from "../api.js";
import { bytes, choice, fault, field, fill, h, number, say, table } from "../dom.js";
import { inWords } from "./runs.js";

const SIZES = { small: 64, middle: 128, large: 256 };

export async function show(page, _, query) {
  const files = query.getAll("file");
  const { tasks } = await get("/api/contents");
  const start = h("section", {});
  const whole = h("section", { "aria-busy": "true" }, h("p", { class: "waiting" }, "Reading the whole …"));
  const look = await post("/api/look", { files });
  const task = choice(tasks.map((one) => [one, inWords(one.replaceAll("-", " "))]), look.chosen, { onchange: take });

  fill(page,
    h("h1", {}, files.join(", ")),
    h("p", { class: "taken" }, "Taken for ", h("strong", {}, look.task.replaceAll("-", " ")), `: ${look.reason}.`),
    Object.keys(look.others).length > 0 && h("p", { class: "soft" }, "It might also be ",
      Object.entries(look.others).map(([name, reason]) => `${name.replaceAll("-", " ")} (${reason})`).join(" or "), "."),
    field("Task", task),
    table(look.columns, look.rows, `The first rows, ${bytes(look.bytes)} in all`),
    whole, start);
  let options = {};
  let timer = 0;
  const newest = latest();
  const newestRead = latest();
  begin(look);

  async function take() {
    begin(await newest(post("/api/look", { files, task: task.value })));
  }

  // The options of the data and the model change what the files are read as, so that they are read again.
  function begin(look) {
    options = {};
    fill(start, form(files, look, task, options, () => { clearTimeout(timer); timer = setTimeout(read, 400); }));
    read();
  }

  async function read() {
    whole.setAttribute("aria-busy", "true");
    try {
      fill(whole, found(await newestRead(post("/api/read", { files, task: task.value, options }))));
    } catch (error) {
      fill(whole, fault(error.message, error.details));
    }
    whole.setAttribute("aria-busy", "false");
  }
}

function found(seen) {
  if (seen.fault) return [h("h2", {}, "It cannot be read so"), fault(seen.fault)];
  const most = Math.max(...Object.values(seen.classes), 1);
  const missing = seen.gaps.filter((one) => one.missing);
  return [
    h("h2", {}, "What is in it"),
    h("dl", { class: "figures" }, Object.entries({ "to train on": seen.parts.train, "to validate with": seen.parts.validation, "to test with": seen.parts.test })
      .map(([name, count]) => h("div", {}, h("dt", {}, name), h("dd", {}, number(count), h("small", {}, ` ${seen.unit}${count === 1 ? "" : "s"}`))))),
    seen.notes.length > 0 && h("ul", { class: "notes" }, seen.notes.map((note) => h("li", {}, note))),
    seen.gaps.length > 0 && h("p", {}, missing.length
      ? `Gaps: ${missing.map((one) => `${one.series} lacks ${number(one.missing)} of ${number(one.rows)} values`).join("; ")}.` : "No gaps in the series."),
    Object.keys(seen.classes).length > 0 && h("div", { class: "bars", role: "list", "aria-label": "Classes and their counts" },
      Object.entries(seen.classes).map(([name, count]) => h("div", { role: "listitem" }, h("span", {}, name),
        h("meter", { max: most, value: count, "aria-label": `${name}: ${count}` }), h("span", { class: "soft" }, number(count))))),
  ];
}

function form(files, look, task, values, changed) {
  const faults = h("div", {});
  const control = (one) => {
    const take = (event) => { values[one.name] = event.target.type === "checkbox" ? String(event.target.checked) : event.target.value; };
    const attributes = { id: `option-${one.name}`, onchange: (event) => { take(event); if (one.group === "model") changed(); }, oninput: take };
    const box = one.kind === "flag" ? h("input", { type: "checkbox", checked: one.default === true, ...attributes })
      : one.kind === "choice" ? choice(["", ...one.values].map((value) => [value, value || "by default"]), one.default, attributes)
      : h("input", { type: one.kind === "number" ? "number" : "text", step: "any", placeholder: one.default, ...attributes });
    if (one.name === "cell") {
      box.setAttribute("list", "cells");
      return [field(inWords(one.name), box, one.help), h("datalist", { id: "cells" }, one.values.map((cell) => h("option", { value: cell })))];
    }
    return field(inWords(one.name), box, one.help);
  };
  const size = choice([["", "as usual"], ...Object.keys(SIZES).map((name) => [name, `${name}, ${SIZES[name]} units`])], "", {
    id: "size", onchange: () => { size.value ? values.hidden_size = String(SIZES[size.value]) : delete values.hidden_size; } });
  const kind = choice([["minutes", "minutes"], ["epochs", "passes over the data"], ["steps", "steps"]], "minutes", { id: "budget-kind" });
  const amount = h("input", { type: "number", id: "budget", min: "0", step: "any", value: "3" });
  const place = h("input", { type: "text", id: "place", placeholder: `${files[0].split("/").at(-1).replace(/\..*$/, "")}.elman` });
  const force = h("input", { type: "checkbox", id: "force" });
  const rest = look.form.filter((one) => !one.budget);
  return [
    h("h2", {}, "Train"),
    h("form", { class: "train", onsubmit: async (event) => {
      event.preventDefault();
      fill(faults);
      const options = Object.fromEntries(Object.entries({ ...values, [kind.value]: amount.value }).filter(([, value]) => value !== ""));
      try {
        const run = await post("/api/runs", { files, task: task.value, place: place.value, options, force: force.checked });
        say(`${run.title} is being trained`);
        location.hash = `#/run/${encodeURIComponent(run.name)}`;
      } catch (error) {
        fill(faults, fault(error.message, error.details));
      }
    } },
    h("div", { class: "fields" }, field("Size", size), field("Budget", amount), field("of", kind), field("Save as", place)),
    h("details", {}, h("summary", {}, "All options"),
      h("p", { class: "check" }, h("label", {}, force, " overwrite a model of this name")),
      h("h3", {}, "Data and model"), h("div", { class: "fields" }, rest.filter((one) => one.group === "model").map(control)),
      h("h3", {}, "Training"), h("div", { class: "fields" }, rest.filter((one) => one.group === "training").map(control))),
    faults,
    h("button", { type: "submit", class: "main" }, "Start training")),
  ];
}
