// Curves by uPlot, in the page's colours, which are told apart by colour-blind people (Okabe and Ito, 2008).

import { h, number } from "./dom.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const colour = (place) => `var(--line-${place % 7})`;
// Canvases know no variables of CSS: a colour is looked up whenever it is drawn, since the page may have become dark.
const looked = (text) => text?.replaceAll(/var\((--[\w-]+)\)/g, (_, name) => css(name));

const figures = (_, splits) => splits.map((value) => number(value, 3));
const axis = (label, size, more) => ({
  label, size, labelSize: 18, labelGap: 0, stroke: css("--soft"), font: "12px system-ui", labelFont: "12px system-ui",
  grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid"), width: 1, size: 4 }, ...more,
});

// A chart that is drawn anew as often as `draw` is called, and when the page's width or colours change.
// series: [{label, colour, width, dash, points, fill, band: [upper, lower]}], data: [xs, ys, ...]
export function chart({ label, x = "step", y = "", height = 260, time = false }) {
  const place = h("div", { class: "chart", role: "group", "aria-label": label });
  let plot = null;
  let kept = null;
  let shape = "";

  function draw(series, data, bands = []) {
    kept = [series, data, bands];
    if (!place.isConnected || !data[0]?.length) return;
    const width = Math.max(240, place.clientWidth);
    const now = JSON.stringify([series, bands, width, css("--ink")]);
    if (plot && now === shape) return plot.setData(data);
    shape = now;
    plot?.destroy();
    plot = new window.uPlot({
      width, height, padding: [12, 26, 0, 0],
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time } },
      axes: [axis(x, 44, time ? {} : { values: figures }), axis(y, 62, { values: figures })],
      series: [{ label: x, value: time ? undefined : (_, value) => number(value) }, ...series.map((one) => ({
        label: one.label, stroke: looked(one.colour), class: one.class, width: one.width ?? 2, dash: one.dash,
        points: { show: one.points ?? false, size: 6 }, value: (_, value) => number(value), spanGaps: one.gaps ?? false,
      }))],
      bands: bands.map((one) => ({ ...one, fill: looked(one.fill) })),
    }, data, place);
  }

  const again = () => kept && (shape = "", draw(...kept));
  const watcher = new ResizeObserver(() => kept && draw(...kept));
  watcher.observe(place);
  window.addEventListener("theme", again);
  return {
    place, draw,
    close() { watcher.disconnect(); window.removeEventListener("theme", again); plot?.destroy(); },
  };
}

// The points of several lines on one axis: their xs joined, and each line's ys with null where it has none.
export function joined(lines) {
  const xs = [...new Set(lines.flatMap(([own]) => own))].sort((a, b) => a - b);
  const at = new Map(xs.map((value, place) => [value, place]));
  return [xs, ...lines.map(([own, ys]) => {
    const row = new Array(xs.length).fill(null);
    own.forEach((value, place) => { row[at.get(value)] = ys[place]; });
    return row;
  })];
}
