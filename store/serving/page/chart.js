// A symbol's bars: the interval follows the zoom, what was known before can be seen, and each bar has its past.

import { address, columnsOf, rows, rowsOf } from "./asking.js";
import { BarPanel } from "./bar.js";
import { button, choice, element, failure, links, table } from "./dom.js";
import { Drawing, timeOf } from "./drawing.js";
import { GapPanel } from "./gaps.js";
import { Moments } from "./moments.js";
import { remember, remembered } from "./times.js";
import { byClock, counted, inSessions, isoOf, number, percent, second, secondsOf } from "./words.js";

/** The server picks the finest interval with so many bars in the range asked for: what is in sight, or thrice that. */
const POINTS_IN_SIGHT = 800;
const POINTS = 3 * POINTS_IN_SIGHT;
const COLUMNS = "interval,bar_start,session_date,open,high,low,close,volume,base_count,expected_count";
const SETTLE_MS = 60;
const TABLE_ROWS = 300;
const DAY = 86400;
const PRICES = [["", "as traded"], ["split", "split-adjusted"], ["all", "splits and dividends"]];
const HOLES = [["", "left empty"], ["previous", "filled with the close before"]];
const SPANS = [["day", 1], ["week", 7], ["month", 31], ["quarter", 92], ["year", 366]];

export class ChartView {
  constructor(context) {
    this.context = context;
    this.symbol = "";
    this.view = null; // {from, to} in seconds since 1970; null for everything
    this.interval = ""; // "" follows the zoom
    this.loaded = null;
    this.build();
  }

  build() {
    this.title = element("h2", { id: "chart-title" });
    this.facts = element("p", { class: "facts" });
    this.choices = element("div", { class: "choices", role: "group", "aria-label": "Interval" });
    this.prices = choice("prices", "Prices", PRICES, (value) => this.make({ adjust: value }));
    this.holes = choice("holes", "Missing bars", HOLES, (value) => this.make({ fill: value }));
    this.clock = choice("clock", "Times", [["", "in UTC"], ["exchange", "of the exchange"]], (value) => this.tellTimes(value));
    this.summary = element("p", { id: "chart-summary", role: "status" });
    this.legend = element("p", { class: "legend" });
    this.spoken = element("p", { class: "hidden", "aria-live": "assertive" });
    this.trouble = element("div");
    this.moments = new Moments((asOf) => this.recall(asOf));
    this.host = element("div", { "aria-hidden": "true", class: "host" });
    this.frame = element("div", {
      id: "chart", tabindex: 0, role: "application", "aria-roledescription": "chart",
      "aria-labelledby": "chart-title", "aria-describedby": "chart-summary chart-keys", onkeydown: (event) => this.keyed(event),
    }, this.host);
    const keys = element("p", { id: "chart-keys", class: "hint" },
      "Amber edges: more than 1% of what makes the bar is missing; blue: it has not closed. Keys: left and right point at a bar, Enter shows its revisions, " +
      "+ and - zoom, Page Up and Page Down move, 0 shows all.");
    this.bar = new BarPanel();
    this.gaps = new GapPanel((gap) => this.look(secondsOf(gap.gap_start), secondsOf(gap.gap_end)));
    this.list = element("details", { ontoggle: () => this.tabulate() }, element("summary", {}, "Bars in sight, as a table"));
    this.root = element("div", { class: "view" },
      element("section", { class: "panel", "aria-labelledby": "chart-title" },
        element("div", { class: "bar" }, this.title, this.facts),
        element("div", { class: "bar" }, this.choices,
          element("div", { class: "choices", role: "group", "aria-label": "Range" },
            SPANS.map(([name, days]) => button(name, () => this.lookBack(days), { "data-span": name })),
            button("all", () => this.lookAtAll(), { "data-span": "all" })),
          element("div", { class: "choices", role: "group", "aria-label": "Move" },
            button("◀", () => this.move(() => this.drawing.pan(-0.5)), { "aria-label": "Earlier" }),
            button("▶", () => this.move(() => this.drawing.pan(0.5)), { "aria-label": "Later" }),
            button("−", () => this.move(() => this.drawing.zoom(2)), { "aria-label": "Zoom out" }),
            button("+", () => this.move(() => this.drawing.zoom(0.5)), { "aria-label": "Zoom in" }))),
        element("div", { class: "bar" }, this.prices.root, this.holes.root, this.clock.root),
        this.trouble, this.legend, this.frame, this.spoken, this.summary, keys, this.moments.root, this.list),
      this.bar.root, this.gaps.root);
  }

  async show({ symbol, given }) {
    this.drawing ??= new Drawing(this.host, {
      moved: () => this.moved(), pointed: (bar) => this.tell(bar), chosen: (bar) => this.select(bar),
    });
    this.symbol = symbol;
    this.interval = given.interval ?? "";
    const from = secondsOf(given.from), to = secondsOf(given.to);
    this.view = from < to ? { from, to } : null;
    this.asOf = given.asof ?? "";
    this.adjust = among(PRICES, given.adjust);
    this.fill = among(HOLES, given.fill);
    this.times = (given.zone ?? remembered()) === "exchange" ? "exchange" : "";
    this.prices.value = this.adjust;
    this.holes.value = this.fill;
    this.clock.value = this.times;
    this.loaded = null;
    this.pointed = null;
    const [interval, start] = (given.bar ?? "").split("@");
    this.chosen = start ? { interval, bar_start: start } : null;
    this.introduce();
    this.bar.show(this.symbol, this.chosen, this.asOf, this);
    await Promise.all([this.moments.load(this.asOf), this.load()]);
  }

  /** Another snapshot is served. */
  async renew() {
    this.introduce();
    this.bar.show(this.symbol, this.chosen, this.asOf, this);
    await Promise.all([this.moments.load(this.asOf), this.load()]);
  }

  paint() {
    this.drawing?.paint();
  }

  close() {
    clearTimeout(this.waiting);
    this.asking?.abort();
    this.drawing?.close();
  }

  introduce() {
    const known = this.context.symbols.named(this.symbol);
    this.known = known;
    this.title.textContent = this.symbol;
    this.facts.textContent = known
      ? `${known.calendar}, ${known.base} loaded; quality ${percent(known.quality_pct) || "unknown"}, ` +
        `${counted(known.gap_count, "gap")}${known.waiting_count ? `, ${counted(known.waiting_count, "interval")} waiting` : ""}`
      : "";
    const names = ["", ...(known?.intervals ?? (this.interval ? [this.interval] : []))];
    this.choices.replaceChildren(...names.map((name) => button(name || "auto", () => this.choose(name), {
      "data-interval": name || "auto", "aria-pressed": String(name === this.interval),
    })));
  }

  /** The zone by whose clock times are shown; "" for UTC. */
  get zone() {
    return this.times === "exchange" ? this.known?.timezone ?? "" : "";
  }

  /** What bars are made of: adjusted prices, filled holes. */
  make(given) {
    Object.assign(this, given);
    this.note();
    this.bar.show(this.symbol, this.chosen, this.asOf, this);
    this.load();
  }

  tellTimes(times) {
    this.times = times;
    remember(times);
    this.note();
    this.bar.show(this.symbol, this.chosen, this.asOf, this);
    if (!this.loaded) return;
    this.drawing.show(this.zone);
    this.describe();
    this.gaps.show(this.symbol, this.loaded.interval, this.gapsRange, this.asOf, this.zone);
  }

  choose(interval) {
    this.interval = interval;
    for (const one of this.choices.children) {
      one.setAttribute("aria-pressed", String(one.dataset.interval === (interval || "auto")));
    }
    this.note();
    this.load();
  }

  recall(asOf) {
    this.asOf = asOf;
    this.note();
    this.bar.show(this.symbol, this.chosen, this.asOf, this);
    return this.load();
  }

  look(from, to) {
    const room = Math.max(to - from, 60);
    this.view = { from: from - 2 * room, to: to + 2 * room };
    this.note();
    this.load();
    this.frame.focus();
  }

  lookBack(days) {
    const end = secondsOf(this.known?.complete_through ?? new Date().toISOString());
    this.view = { from: end - days * DAY, to: end };
    this.note();
    this.load();
  }

  lookAtAll() {
    this.view = null;
    this.note();
    this.load();
  }

  note() {
    const { view } = this;
    this.context.note("chart", this.symbol, {
      interval: this.interval, from: view && isoOf(view.from), to: view && isoOf(view.to), asof: this.asOf,
      adjust: this.adjust, fill: this.fill, zone: this.times,
      bar: this.chosen && `${this.chosen.interval}@${this.chosen.bar_start}`,
    });
  }

  /** Ask for what is in sight and, where only a part is, for as much again on both sides. */
  async load() {
    document.body.dataset.settled = "false";
    clearTimeout(this.waiting);
    this.asking?.abort();
    const asking = this.asking = new AbortController();
    const { view } = this;
    const span = view && (view.to - view.from) * this.roomBeside();
    const range = view && { start: isoOf(view.from - span), end: isoOf(view.to + span) };
    const columns = this.fill ? `${COLUMNS},filled` : COLUMNS;
    const given = { symbol: this.symbol, ...range, as_of: this.asOf, adjust: this.adjust, fill: this.fill, columns };
    try {
      const bars = await this.ask(given, asking.signal);
      const loaded = { start: view ? view.from - span : -Infinity, end: view ? view.to + span : Infinity };
      loaded.interval = bars[0]?.interval ?? this.interval;
      await this.addForming(bars, loaded, asking.signal);
      if (asking.signal.aborted) return;
      this.trouble.replaceChildren();
      this.drawing.show(this.zone);
      await this.drawing.draw(bars, view);
      this.loaded = loaded;
      const { seen } = this.drawing;
      loaded.span = seen ? seen.to - seen.from : 0;
      // Of an interval that was chosen only the newest bars may have come.
      if (this.interval && bars.length === POINTS) loaded.start = bars[0].time;
      this.drawing.select(this.chosen && this.timeOfChosen());
      this.describe();
      this.gaps.show(this.symbol, loaded.interval, range ?? {}, this.asOf, this.zone);
      this.gapsRange = range ?? {};
      document.body.dataset.settled = "true";
    } catch (error) {
      if (error.name === "AbortError") return;
      this.trouble.replaceChildren(failure(error));
      document.body.dataset.drawn = "failed";
    }
  }

  /** For how much of what is in sight there is room on either side: of an interval that was chosen so many bars come. */
  roomBeside() {
    if (!this.interval) return 1;
    const { seen } = this.drawing;
    if (!seen || this.loaded?.interval !== this.interval) return 0;
    return Math.min(1, Math.max(0, (POINTS / (seen.last - seen.first + 1) - 1) / 2));
  }

  async ask(given, signal) {
    const asked = this.interval
      ? columnsOf("bars", { ...given, interval: this.interval, last: POINTS }, { signal })
      : columnsOf("chart", { ...given, points: this.view ? POINTS : POINTS_IN_SIGHT }, { signal });
    return timed(rows(await asked));
  }

  /** Bars that have not closed yet, where the newest are in sight. */
  async addForming(bars, loaded, signal) {
    const last = bars.at(-1)?.time ?? -Infinity;
    const { interval } = loaded;
    const isNewest = !this.known?.last_bar || loaded.end > secondsOf(this.known.last_bar);
    if (this.asOf || !interval || !isNewest || interval === this.known?.base) return;
    const given = { symbol: this.symbol, interval, live: true, last: 3, adjust: this.adjust, columns: `${COLUMNS},forming` };
    const live = timed(await rowsOf("bars", given, { signal }));
    bars.push(...live.filter((bar) => bar.forming && bar.time > last));
  }

  timeOfChosen() {
    return this.drawing.bars.find((bar) =>
      bar.bar_start === this.chosen.bar_start && bar.interval === this.chosen.interval)?.time ?? null;
  }

  /** Whoever looks has moved: what is in sight is noted, and what is missing for it is asked for. */
  moved() {
    clearTimeout(this.waiting);
    document.body.dataset.settled = "false";
    this.waiting = setTimeout(() => {
      const { loaded, drawing: { seen } } = this;
      if (loaded && seen) {
        this.view = { from: seen.from, to: seen.to };
        this.note();
        this.describe();
        if (this.isLacking(seen, loaded)) {
          this.load();
          return;
        }
      }
      document.body.dataset.settled = "true";
    }, SETTLE_MS);
  }

  /** Move by a key or a button. */
  move(act) {
    act();
    this.moved();
  }

  isLacking(seen, loaded) {
    const first = this.known ? secondsOf(this.known.first_bar) : -Infinity;
    const last = this.known ? secondsOf(this.known.last_bar) : Infinity;
    const isBeyond = (seen.from < loaded.start && loaded.start > first) || (seen.to > loaded.end && loaded.end < last);
    const zoomed = (seen.to - seen.from) / loaded.span;
    const mayBeFiner = zoomed < 0.5 && loaded.interval !== this.known?.base;
    const mayBeCoarser = zoomed > 2 && seen.inSight.length > POINTS_IN_SIGHT;
    return isBeyond || (!this.interval && (mayBeFiner || mayBeCoarser));
  }

  /** Say in words what is drawn. */
  describe() {
    const { seen, bars } = this.drawing;
    const inSight = seen?.inSight ?? [];
    Object.assign(document.body.dataset, {
      interval: this.loaded.interval, sent: bars.length, seen: inSight.length, drawn: "true", asof: this.asOf,
      high: inSight.length ? Math.max(...inSight.map(({ high }) => high)) : "",
    });
    if (!inSight.length) {
      this.summary.textContent = this.asOf ? "No bars were known then." : "There are no bars here.";
    } else {
      const [first, last] = [inSight[0], inSight.at(-1)];
      const lacking = inSight.filter(({ complete }) => complete === false).length;
      const forming = inSight.filter((bar) => bar.forming).length;
      this.summary.textContent =
        `${counted(inSight.length, "bar")} of ${this.loaded.interval}, ${named(first, this.zone)} to ${named(last, this.zone)}` +
        `${inSessions(this.loaded.interval) ? "" : ` ${this.zone || "UTC"}`}: ` +
        `open ${number(first.open)}, high ${number(Math.max(...inSight.map(({ high }) => high)))}, ` +
        `low ${number(Math.min(...inSight.map(({ low }) => low)))}, close ${number(last.close)}; ` +
        `${lacking ? `${number(lacking)} incomplete` : "all complete"}${forming ? `, ${number(forming)} forming` : ""}` +
        `${this.adjust ? `; adjusted for splits${this.adjust === "all" ? " and dividends" : ""}` : ""}` +
        `${this.asOf ? `; as known at ${second(this.asOf)}` : ""}.`;
    }
    this.tell(null);
    this.tabulate();
  }

  tell(bar) {
    const one = bar ?? this.drawing.seen?.inSight.at(-1);
    this.legend.textContent = one ? told(one, this.zone) : "";
  }

  tabulate() {
    if (!this.list.open || !this.loaded) return;
    const inSight = this.drawing.seen?.inSight ?? [];
    const newest = inSight.slice(-TABLE_ROWS).reverse();
    const given = {
      symbol: this.symbol, interval: this.loaded.interval, as_of: this.asOf, adjust: this.adjust, fill: this.fill,
      start: inSight[0]?.bar_start, end: inSight.length ? isoOf(secondsOf(inSight.at(-1).bar_start) + 1) : null,
    };
    this.list.replaceChildren(
      this.list.firstElementChild,
      table("Bars in sight, newest first", [
        { title: "bar", cell: (bar) => button(named(bar, this.zone), () => this.select(bar), { class: "plain" }) },
        ...["open", "high", "low", "close", "volume"].map((name) => (
          { title: name, numeric: true, cell: (bar) => number(bar[name]) })),
        { title: "complete", cell: (bar) => (bar.forming ? "forming" : bar.filled ? "filled" : bar.complete === null ? "" : bar.complete ? "yes" : "no") },
      ], newest),
      element("p", {}, newest.length < inSight.length ? `The newest ${number(TABLE_ROWS)} of ${counted(inSight.length, "bar")}.` : ""),
      links((form) => address("bars", form, given), `${this.symbol}-${this.loaded.interval}`),
    );
  }

  select(bar) {
    this.chosen = { interval: bar.interval, bar_start: bar.bar_start };
    this.pointed = this.drawing.byTime.get(bar.time);
    this.drawing.select(bar.time);
    this.note();
    return this.bar.show(this.symbol, this.chosen, this.asOf, this);
  }

  keyed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const { drawing } = this;
    const count = drawing.bars.length;
    const inSight = drawing.seen?.inSight ?? [];
    const newest = inSight.length ? drawing.byTime.get(inSight.at(-1).time) : count - 1;
    const step = (by) => this.pointAt(this.pointed === null ? newest : this.pointed + by);
    const acts = {
      ArrowLeft: () => step(-1), ArrowRight: () => step(1),
      Home: () => this.pointAt(0), End: () => this.pointAt(count - 1),
      "+": () => this.move(() => drawing.zoom(0.5)), "=": () => this.move(() => drawing.zoom(0.5)),
      "-": () => this.move(() => drawing.zoom(2)),
      PageUp: () => this.move(() => drawing.pan(-0.5)), PageDown: () => this.move(() => drawing.pan(0.5)),
      0: () => this.lookAtAll(),
      Enter: () => this.pointed !== null && drawing.bars[this.pointed] && this.select(drawing.bars[this.pointed]),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  }

  pointAt(at) {
    const { bars } = this.drawing;
    if (!bars.length) return;
    this.pointed = Math.min(Math.max(at, 0), bars.length - 1);
    this.drawing.point(this.pointed);
    this.tell(bars[this.pointed]);
    this.spoken.textContent = told(bars[this.pointed], this.zone);
  }
}

/** Bars with their place in time, and whether they have all of their base bars; null outside of sessions. */
const timed = (bars) => bars.map((bar) => ({
  ...bar, time: timeOf(bar), complete: bar.expected_count ? bar.base_count === bar.expected_count : null,
}));

const named = (bar, zone) =>
  (inSessions(bar.interval) ? bar.session_date ?? "" : byClock(bar.bar_start, zone).replace("Z", ""));

const told = (bar, zone) =>
  `${named(bar, zone)}${inSessions(bar.interval) ? "" : ` ${zone || "UTC"}`}  open ${number(bar.open)}  high ${number(bar.high)}  ` +
  `low ${number(bar.low)}  close ${number(bar.close)}  volume ${number(bar.volume)}` +
  `${bar.forming ? "  forming" : bar.filled ? "  filled" : bar.complete === false ? "  incomplete" : ""}`;

const among = (options, given) => (options.some(([value]) => value === given) ? given : "");
