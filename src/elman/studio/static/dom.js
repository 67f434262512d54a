// Elements, and numbers as people read them.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...listed(children));
  return element;
}

const listed = (children) => children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);

export function fill(element, ...children) {
  element.replaceChildren(...listed(children));
  return element;
}

// Like `fill`, for what changes while it is looked at: what stays is changed in its place, so that a click, the focus or
// a selection there is not lost. An element with another `data-key` is another one; what is called on a click may depend
// on the key alone.
export function refresh(element, ...children) {
  const before = [...element.childNodes];
  const after = listed(children).map((child) => {
    const wanted = child instanceof Node ? child : document.createTextNode(child);
    const place = before.findIndex((one) => one.nodeName === wanted.nodeName && one.dataset?.key === wanted.dataset?.key);
    return place < 0 ? wanted : become(before.splice(place, 1)[0], wanted);
  });
  before.forEach((one) => one.remove());
  after.forEach((one, place) => { if (element.childNodes[place] !== one) element.insertBefore(one, element.childNodes[place] ?? null); });
  return element;
}

function become(one, wanted) {
  if (one.nodeType === Node.TEXT_NODE) {
    if (one.data !== wanted.data) one.data = wanted.data;
    return one;
  }
  for (const { name } of [...one.attributes]) if (!wanted.hasAttribute(name)) one.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (one.getAttribute(name) !== value) one.setAttribute(name, value);
  return refresh(one, [...wanted.childNodes]);
}

// Calls `act` with the element at a pointer that moves. What moves under a resting pointer is entered too, but by nobody.
export function pointing(place, act) {
  let rest = "";
  place.addEventListener("mousemove", (event) => {
    const spot = `${event.screenX} ${event.screenY}`;
    if (spot === rest) return;
    rest = spot;
    act(event.target);
  });
}

let labels = 0;

// A control with its label; `help` is shown below and read out with it.
export function field(label, control, help = "") {
  const id = (control.id ||= `field-${++labels}`);
  const note = help && h("small", { id: `${id}-help` }, help);
  if (help) control.setAttribute("aria-describedby", `${id}-help`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, note);
}

export function choice(values, chosen, attributes = {}) {
  const options = values.map((value) => {
    const [key, text] = Array.isArray(value) ? value : [value, value];
    return h("option", { value: key, selected: key === chosen }, text);
  });
  return h("select", attributes, options);
}

export const number = (value, digits = 4) =>
  value === null || value === undefined || Number.isNaN(value) ? "–"
    : Number.isInteger(value) ? value.toLocaleString("en") : Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits });

export const percent = (share) => (share === null ? "–" : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`);

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const [h_, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.round(seconds % 60)];
  return h_ ? `${h_} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`;
}

export const bytes = (count) =>
  count < 1000 ? `${count} B` : count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;

export function ago(seconds) {
  const past = Date.now() / 1000 - seconds;
  return past < 60 ? "just now" : past < 3600 ? `${Math.floor(past / 60)} min ago`
    : past < 86400 ? `${Math.floor(past / 3600)} h ago` : new Date(seconds * 1000).toLocaleDateString("en");
}

// What a screen reader says, and what is shown for a while at the foot of the page.
export function say(text, kind = "") {
  const place = document.getElementById("said");
  fill(place, h("p", { class: kind }, text));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => place.replaceChildren(), kind === "fault" ? 12000 : 5000);
}

export const shown = (character) => ({ "\n": "↵\n", "\t": "⇥\t" })[character] ?? character;
export const named = (token) => (token === " " ? "space" : token === "\n" ? "line end" : token === "\t" ? "tab" : token);

// A fault, whole: its sentence, and what a process has written, which can be copied.
export function fault(text, details = "") {
  return h("section", { class: "fault", role: "alert" }, h("p", {}, text),
    details && h("pre", { tabindex: 0, "aria-label": "Details of the error" }, details));
}

// A table with a head.
export function table(columns, rows, caption = "") {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption || "Table" },
    h("table", {},
      caption && h("caption", {}, caption),
      columns.length > 0 && h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}

// Tabs that arrow keys walk through.
export function tabs(items, chosen, go, label) {
  const buttons = items.map(([key, text]) => h("button", {
    role: "tab", type: "button", "aria-selected": key === chosen ? "true" : "false", tabindex: key === chosen ? 0 : -1,
    onclick: () => go(key),
  }, text));
  return h("div", {
    role: "tablist", class: "tabs", "aria-label": label,
    onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const at = buttons.indexOf(document.activeElement);
      const next = buttons[(at + step + buttons.length) % buttons.length];
      next.focus();
      next.click();
    },
  }, buttons);
}
