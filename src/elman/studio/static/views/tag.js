// A sentence with the tag of each word; the surer the model, the fuller the bar. Each word opens its other tags.

import { path, post } from "../api.js";
import { fault, fill, h, percent } from "../dom.js";
import { input, working } from "../input.js";

export async function show(panel, model, about) {
  const place = h("div", {});
  const form = await input(about, look, { label: "Tag", textOnly: true });
  fill(panel, form, place);

  async function look(wish) {
    try {
      const seen = await working(place, () => post(`/api/see/tags/${path(model)}`, wish));
      fill(place,
        h("p", { class: "soft" }, `The whole tagging has a probability of ${percent(seen.probability)}.`),
        h("div", { class: "tagged" }, seen.words.map((one) => h("details", { class: "word" },
          h("summary", { "aria-label": `${one.word} ${one.tag}, ${percent(one.share)}` }, h("span", {}, one.word), " ", h("b", {}, one.tag),
            h("meter", { max: 1, value: one.share, "aria-hidden": "true" })),
          h("ul", {}, one.others.map(([tag, share]) => h("li", {}, h("b", {}, tag), " ", percent(share))))))),
        seen.spans.length > 0 && [h("h2", {}, "Spans"), h("ul", { class: "notes" }, seen.spans.map((span) => h("li", {},
          h("b", {}, span.label), ` ${seen.words.slice(span.start, span.stop).map((one) => one.word).join(" ")}, ${percent(span.probability)}`)))]);
    } catch (error) {
      fill(place, fault(error.message, error.details));
    }
  }
  return null;
}
