// A forecast with its bands; a backtest shows what would have been said at earlier rows.

import { path, post } from "../api.js";
import { chart, colour } from "../chart.js";
import { choice, fault, field, fill, h, number } from "../dom.js";
import { input, working } from "../input.js";

export async function show(panel, model, about) {
  const place = h("div", {});
  const backtest = h("input", { type: "checkbox", id: "backtest" });
  const curve = { now: null };
  const form = await input(about, look, { label: "Forecast", filesOnly: true, prefer: /\.csv$/,
    more: [h("p", { class: "check" }, h("label", {}, backtest, " backtest: forecast from earlier rows too"))] });
  const remembered = h("button", { type: "button", onclick: () => look({}) }, "Continue what it remembers");
  form.querySelector(".actions").append(remembered);
  fill(panel, form, place);
  look({});

  async function look(wish) {
    try {
      const seen = await working(place, () => post(`/api/see/forecast/${path(model)}`, { ...wish, backtest: backtest.checked }));
      draw(seen);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }

  function draw(seen) {
    curve.now?.close();
    const own = (curve.now = chart({ label: "The forecast with its bands", x: seen.is_time ? "" : "step", height: 380, time: seen.is_time }));
    const name = choice(seen.series.map((one) => one.name), seen.series[0].name, { id: "series", onchange: line });
    const facts = h("div", {});
    fill(place, seen.notes.map((note) => h("p", { class: "soft" }, note)), field("Series", name), own.place, facts);
    line();

    function line() {
      const series = seen.series.find((one) => one.name === name.value);
      const rows = new Map();
      const at = (x) => rows.get(x) ?? rows.set(x, {}).get(x);
      series.ds.forEach((x, n) => { at(x).y = series.y[n]; });
      const take = (table) => table.unique_id.forEach((id, n) => {
        if (id === name.value) Object.assign(at(table.ds[n]), ...["elman", ...bounds].map((column) => ({ [column]: table[column][n] })));
      });
      const bounds = seen.levels.flatMap((level) => [`elman-lo-${level}`, `elman-hi-${level}`]);
      if (seen.backtest) take(seen.backtest);
      take(seen.forecast);
      const last = series.ds.at(-1);
      const xs = [...rows.keys()].sort((a, b) => a - b);
      const column = (key) => xs.map((x) => rows.get(x)[key] ?? null);
      const wide = seen.levels.toSorted((a, b) => b - a);
      const bands = wide.map((_, n) => ({ series: [2 * n + 2, 2 * n + 1], fill: `color-mix(in srgb, ${colour(1)} ${n ? 30 : 16}%, transparent)` }));
      own.draw([
        ...wide.flatMap((level) => [{ label: `${level}% from`, colour: "transparent", width: 0, class: "band" }, { label: `${level}% to`, colour: "transparent", width: 0, class: "band" }]),
        { label: "value", colour: colour(0), points: series.ds.length < 60 }, { label: "forecast", colour: colour(1), points: true },
      ], [xs, ...wide.flatMap((level) => [column(`elman-lo-${level}`), column(`elman-hi-${level}`)]), column("y"), column("elman")], bands);
      const errors = seen.backtest ? seen.backtest.unique_id.flatMap((id, n) => (id === name.value ? [[seen.backtest.y[n], seen.backtest.elman[n], seen.backtest[bounds[0]][n], seen.backtest[bounds[1]][n]]] : [])).filter(([y]) => y !== null) : [];
      const inside = errors.filter(([y, , low, high]) => y >= low && y <= high).length;
      fill(facts, h("dl", { class: "figures" },
        h("div", {}, h("dt", {}, "next value"), h("dd", {}, number(rows.get(xs.find((x) => x > last))?.elman))),
        errors.length > 0 && [
          h("div", {}, h("dt", {}, "mean absolute error"), h("dd", {}, number(errors.reduce((sum, [y, f]) => sum + Math.abs(y - f), 0) / errors.length))),
          h("div", {}, h("dt", {}, `within the ${seen.levels[0]}% band`), h("dd", {}, `${Math.round((100 * inside) / errors.length)}%`)),
        ]));
    }
  }
  return () => curve.now?.close();
}
