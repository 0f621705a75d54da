// One bar: its values now, and each that they took the place of.

import { rowsOf } from "./asking.js";
import { element, failure, panel, table } from "./dom.js";
import { byClock, isoOf, number, second, secondsOf } from "./words.js";

const VALUES = ["open", "high", "low", "close", "volume", "trade_count", "vwap"];

export class BarPanel {
  constructor() {
    this.content = element("div", { "aria-live": "polite" });
    this.root = panel("one-bar", "One bar", this.content);
    this.show("", null, "");
  }

  /** told: how values are shown elsewhere, by which clock, and whether adjusted. */
  async show(symbol, chosen, asOf, { zone = "", adjust = "" } = {}) {
    const asked = this.asked = Symbol("asked");
    if (!chosen) {
      this.content.replaceChildren(element("p", { class: "hint" },
        "Click on a bar, or point at one and press Enter, to see its values and what they were before."));
      return;
    }
    const given = {
      symbol, interval: chosen.interval, start: chosen.bar_start, end: isoOf(Math.floor(secondsOf(chosen.bar_start)) + 1),
    };
    try {
      const [now, before] = await Promise.all([
        rowsOf("bars", { ...given, live: true }), rowsOf("revisions", given),
      ]);
      if (asked === this.asked) this.content.replaceChildren(...told(symbol, chosen, now[0], before, asOf, zone, adjust));
    } catch (error) {
      if (asked === this.asked) this.content.replaceChildren(failure(error));
    }
  }
}

const basesOf = (one) => `${number(one.base_count)} of ${number(one.expected_count)}`;

function told(symbol, chosen, now, before, asOf, zone, adjust) {
  before.sort((one, other) => other.replaced_by - one.replaced_by);
  const states = now ? [{ ...now, until: now.forming ? "forming" : "now" }] : [];
  for (const one of before) states.push({ ...one, until: `until batch ${one.replaced_by}, ${one.replaced_kind}` });
  if (!now && before.length) states.unshift({ until: `deleted in batch ${before[0].replaced_by}`, isGone: true });
  const used = VALUES.filter((name) => states.some((one) => one[name] !== null && one[name] !== undefined));
  const isThen = (one) => asOf && one.written_at && secondsOf(one.written_at) <= secondsOf(asOf) && secondsOf(asOf) < secondsOf(one.replaced_at);
  const count = before.length === 1 ? "1 revision" : `${before.length} revisions`;
  return [
    element("p", {}, `${symbol} ${chosen.interval} ${byClock(chosen.bar_start, zone)}: `,
      states.length ? `${count}${before.length ? "; marked is what changed" : ""}.` : "there is no such bar, and never was.",
      adjust ? " Values are those that were loaded, not adjusted." : ""),
    ...states.length ? [table("Values of the bar, newest first", [
      { title: "values", cell: (one) => `${one.until}${isThen(one) ? " (as known then)" : ""}` },
      ...used.map((name) => ({
        title: name.replace("_", " "), numeric: true,
        cell: (one, at) => {
          const older = states[at + 1];
          return { content: number(one[name]), mark: Boolean(older) && !one.isGone && one[name] !== older[name] };
        },
      })),
      {
        title: "base bars", numeric: true, cell: (one, at) => {
          if (one.isGone) return "";
          const older = states[at + 1];
          return { content: basesOf(one), mark: Boolean(older) && basesOf(one) !== basesOf(older) };
        },
      },
      { title: "batch", numeric: true, cell: (one) => number(one.batch_id) },
      { title: "written", cell: (one) => second(one.written_at) },
    ], states)] : [],
  ];
}
