// The page's frame: the address after # chooses the view, each of which is a file.

import { fault, fill, h, say } from "./dom.js";

const VIEWS = { "": "folder", data: "data", runs: "runs", run: "run", model: "model", lessons: "lessons" };
const THEMES = ["system", "light", "dark"];
const place = document.getElementById("view");
let leave = null;
let shown = 0;

async function route() {
  const [path, query] = (location.hash.slice(1) || "/").split("?");
  const [name, ...rest] = path.split("/").slice(1).map(decodeURIComponent);
  const turn = ++shown;
  const onTab = document.activeElement?.role === "tab";
  leave?.();
  leave = null;
  for (const link of document.querySelectorAll(".top nav a")) {
    const own = link.hash.slice(2);
    const current = own === name || (own === "runs" && name === "run");
    current ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  fill(place, h("p", { class: "waiting" }, "…"));
  try {
    const view = await import(`./views/${VIEWS[name] ?? "folder"}.js`);
    const own = h("div", { class: "page" });
    const left = await view.show(own, rest, new URLSearchParams(query));
    if (turn !== shown) return left?.();
    leave = left ?? null;
    fill(place, own);
    const title = own.querySelector("h1")?.textContent;
    document.title = title ? `${title} · elman studio` : "elman studio";
    const tab = onTab && own.querySelector("[role=tab][aria-selected=true]");
    own.querySelector("[role=tab][aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    if (turn > 1) (tab || place).focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } catch (error) {
    if (turn === shown) fill(place, h("div", { class: "page" }, h("h1", {}, "This cannot be shown"), fault(error.message, error.details)));
  }
}

function paint(theme) {
  document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  button.setAttribute("aria-label", `Colours: ${theme === "system" ? "as the system" : theme}`);
  button.textContent = { system: "◐", light: "○", dark: "●" }[theme];
  window.dispatchEvent(new Event("theme"));
}

document.getElementById("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme;
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  localStorage.setItem("elman-theme", next);
  paint(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("theme")));
window.addEventListener("hashchange", route);
// The address after # is that of a view, so that the link to the content leads nowhere.
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); place.focus(); });
window.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  if (event.reason?.name !== "AbortError") say(event.reason?.message ?? "something failed", "fault");
});
// A file that is dropped beside the place for it must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

paint(localStorage.getItem("elman-theme") ?? "system");
route();
