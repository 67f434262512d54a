// The folder: models, files and trainings, and a place to drop files into.

import { get, path, upload, watch } from "../api.js";
import { ago, bytes, fault, fill, h, refresh, say } from "../dom.js";
import { card } from "./runs.js";

export async function show(page) {
  const contents = await get("/api/contents");
  const runs = h("div", { class: "cards" });
  const link = h("p", { class: "link", role: "status" });
  fill(page,
    h("h1", {}, "What shall a network learn?"),
    dropPlace(),
    link,
    h("section", {}, h("h2", {}, "Trainings"), runs),
    h("section", {}, h("h2", {}, "Models"), models(contents)),
    h("section", {}, h("h2", {}, "Files in ", h("code", {}, contents.folder)), files(contents)),
  );
  return watch([], {
    runs: (list) => refresh(runs, list.slice(0, 6).map((run) => card(run)), !list.length && h("p", { class: "soft" }, "None yet: choose a file, and start one.")),
    link: (text) => fill(link, text),
  });
}

const toData = (names) => { location.hash = `#/data?${new URLSearchParams(names.map((name) => ["file", name]))}`; };

function dropPlace() {
  const place = h("div", { class: "drop" });
  const faults = h("div", {});
  const picker = h("input", { type: "file", multiple: true, hidden: true, onchange: () => take(picker.files) });
  async function take(list) {
    fill(faults);
    const names = [];
    for (const file of list) {
      try {
        say(`${file.name} is copied …`);
        names.push((await upload(file)).path);
      } catch (error) {
        faults.append(fault(error.message, error.details));
      }
    }
    if (names.length && !faults.childElementCount) toData(names);
  }
  for (const kind of ["dragenter", "dragover"]) place.addEventListener(kind, () => place.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) place.addEventListener(kind, () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => take(event.dataTransfer.files));
  fill(place,
    h("p", { class: "large" }, "Drop a file here, or ", h("button", { type: "button", onclick: () => picker.click() }, "choose one"), picker),
    h("p", { class: "soft" }, "Text, labelled texts, tagged words, pairs, tables of series, ECGs. elman recognises the task."));
  return h("div", {}, place, faults);
}

function models({ models: list }) {
  if (!list.length) return h("p", { class: "soft" }, "None yet. A training saves its model here.");
  return h("ul", { class: "list" }, list.map((model) => h("li", {},
    h("a", { href: `#/model/${encodeURIComponent(model.path)}` }, model.path),
    h("span", { class: "soft" }, model.fault || model.task.replaceAll("-", " ")),
    h("span", { class: "soft" }, model.step === null ? "" : `step ${model.step.toLocaleString("en")}`),
    h("span", { class: "soft" }, ago(model.seconds)))));
}

function files({ files: list }) {
  if (!list.length) return h("p", { class: "soft" }, "No files.");
  const chosen = new Set();
  const together = h("button", { type: "button", class: "quiet", disabled: true, onclick: () => toData([...chosen]) }, "Look at the chosen files together");
  return [h("ul", { class: "list" }, list.map((file) => h("li", {},
    h("input", { type: "checkbox", "aria-label": `Choose ${file.path}`, onchange: (event) => {
      event.target.checked ? chosen.add(file.path) : chosen.delete(file.path);
      together.disabled = chosen.size < 2;
    } }),
    h("a", { href: `#/data?${new URLSearchParams([["file", file.path]])}` }, file.path),
    h("span", { class: "soft" }, bytes(file.bytes)),
    h("span", { class: "soft" }, ago(file.seconds))))), list.length > 1 && together];
}
