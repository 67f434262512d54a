// Pictures of matrices: time from left to right, a unit in each row. Blue is low, orange high, as everywhere.

import { h } from "./dom.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function parts(colour) {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
}

// A matrix as the server packs it, with the numbers of its cells.
export function unpack({ shape: [steps, units], low, high, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const at = (step, unit) => low + (bytes[step * units + unit] / 255) * (high - low);
  return { steps, units, low, high, at };
}

// A canvas with the matrix; `pick` is called with the step that is pointed at. A matrix with both signs has nought in
// the page's own colour; another goes from there to orange. With `keys` the arrow keys point at steps too.
export function heat(label, matrix, { pick = null, keys = false } = {}) {
  const canvas = h("canvas", { class: "heat", role: "img", "aria-label": label, width: matrix.steps, height: matrix.units });
  let now = -1;
  if (keys) {
    for (const [name, value] of Object.entries({ role: "slider", tabindex: 0, "aria-valuemin": 1, "aria-valuemax": matrix.steps, "aria-valuenow": 1 })) canvas.setAttribute(name, value);
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: matrix.steps - 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      pick(Math.min(matrix.steps - 1, Math.max(0, step)));
    });
  }
  canvas.style.height = `${Math.min(220, Math.max(56, matrix.units * 5))}px`;
  function paint() {
    const context = canvas.getContext("2d");
    const image = context.createImageData(matrix.steps, matrix.units);
    const [ground, warm, cold] = ["--sheet", "--warm", "--cold"].map((name) => parts(css(name)));
    const signed = matrix.low < 0 && matrix.high > 0;
    const most = Math.max(Math.abs(matrix.low), Math.abs(matrix.high), 1e-12);
    for (let step = 0; step < matrix.steps; step++) {
      for (let unit = 0; unit < matrix.units; unit++) {
        const value = matrix.at(step, unit);
        const share = signed ? Math.abs(value) / most : (value - matrix.low) / Math.max(matrix.high - matrix.low, 1e-12);
        const end = signed && value < 0 ? cold : warm;
        const place = 4 * (unit * matrix.steps + step);
        for (let c = 0; c < 3; c++) image.data[place + c] = ground[c] + share * (end[c] - ground[c]);
        image.data[place + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  }
  paint();
  window.addEventListener("theme", paint);
  const mark = h("i", { class: "mark", hidden: true });
  const place = h("div", { class: "heat-place" }, canvas, mark);
  canvas.addEventListener("click", (event) => pick?.(Math.floor((event.offsetX / canvas.clientWidth) * matrix.steps)));
  return {
    place,
    at(step) {
      now = step;
      if (keys) canvas.setAttribute("aria-valuenow", step + 1);
      mark.hidden = false;
      mark.style.left = `${(100 * (step + 0.5)) / matrix.steps}%`;
    },
    close: () => window.removeEventListener("theme", paint),
  };
}
