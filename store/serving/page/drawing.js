// Bars drawn on a canvas by the chart library, and moved about by mouse, wheel, touch and keys.

import { colours } from "./theme.js";
import { byClock, inSessions, isoOf } from "./words.js";

const VOLUME_PART = 0.2;
const BARS_LEAST = 5;
/** Of long bars hardly any has all of its base bars: only what lacks more than this leaves is shown to lack. */
const WHOLE_PART = 0.99;

/** Where a chart puts a bar: at its start, and from 1d on at the date of its session. */
export const timeOf = (bar) =>
  Date.parse(inSessions(bar.interval) ? `${bar.session_date}T00:00:00Z` : bar.bar_start) / 1000;

export class Drawing {
  /** host: where to draw; moved: called when whoever looks has moved; chosen: called with the bar clicked on. */
  constructor(host, { moved, pointed, chosen }) {
    const { createChart, CandlestickSeries, HistogramSeries, createSeriesMarkers } = window.LightweightCharts;
    this.bars = [];
    this.chart = createChart(host, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: "system-ui, sans-serif", fontSize: 12 },
      timeScale: { timeVisible: true, rightOffset: 2, minBarSpacing: 0.5 },
      rightPriceScale: { scaleMargins: { top: 0.06, bottom: VOLUME_PART + 0.04 } },
      localization: { locale: "en-GB", dateFormat: "yyyy-MM-dd" },
      crosshair: { mode: 0 },
    });
    this.prices = this.chart.addSeries(CandlestickSeries, { priceLineVisible: false });
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume", priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 1 - VOLUME_PART, bottom: 0 } });
    this.markers = createSeriesMarkers(this.prices, []);
    this.selected = null;
    this.settled = false;
    this.zone = "";
    this.chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.settled && moved());
    this.chart.subscribeCrosshairMove(({ time }) => pointed(this.at(time)));
    this.chart.subscribeClick(({ time }) => this.at(time) && chosen(this.at(time)));
    this.paint();
  }

  at(time) {
    return time === undefined ? null : this.bars[this.byTime.get(time)] ?? null;
  }

  paint() {
    this.colours = colours(["up", "down", "lacking", "forming", "text", "line", "panel", "accent"]);
    const { up, down, text, line, panel } = this.colours;
    this.chart.applyOptions({
      layout: { background: { type: "solid", color: panel }, textColor: text },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.prices.applyOptions({
      upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderUpColor: up, borderDownColor: down,
    });
    if (this.bars.length) this.fill();
    this.mark();
  }

  /** Show times by the clock of a zone, "" for UTC; dates of sessions are in none. */
  show(zone) {
    if (zone === this.zone) return;
    this.zone = zone;
    const shown = (options) => {
      const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone || "UTC", hourCycle: "h23", ...options });
      return (time) => format.format(time * 1000);
    };
    const [day, month, time] = [{ day: "numeric" }, { month: "short" }, { hour: "2-digit", minute: "2-digit" }];
    // In the order of the library's kinds of marks: year, month, day, time, time with seconds.
    const kinds = [{ year: "numeric" }, month, { ...day, ...month }, time, { ...time, second: "2-digit" }].map(shown);
    const isTime = () => this.bars.length && !inSessions(this.bars[0].interval);
    this.chart.applyOptions({
      timeScale: { tickMarkFormatter: (at, kind) => (isTime() ? kinds[kind](at) : null) },
      localization: {
        timeFormatter: (at) => (isTime() ? byClock(isoOf(at), zone) : isoOf(at).slice(0, 10)),
      },
    });
  }

  /** Draw bars, oldest first, so that those between two times are seen; null for all of them. */
  async draw(bars, view) {
    this.settled = false;
    this.bars = bars;
    this.byTime = new Map(bars.map((bar, at) => [bar.time, at]));
    this.fill();
    this.mark();
    const scale = this.chart.timeScale();
    const isSeen = view && bars.some(({ time }) => time >= view.from && time <= view.to);
    if (isSeen) scale.setVisibleRange(view);
    else scale.fitContent();
    await frame();
    await frame();
    this.settled = true;
  }

  fill() {
    const { up, down, lacking, forming } = this.colours;
    this.prices.setData(this.bars.map((bar) => {
      const { time, open, high, low, close } = bar;
      const edge = bar.forming ? forming : bar.base_count < bar.expected_count * WHOLE_PART ? lacking : null;
      return { time, open, high, low, close, ...(edge && { borderColor: edge, wickColor: edge }) };
    }));
    this.volumes.setData(this.bars.map(({ time, volume, open, close }) => (
      { time, value: volume ?? 0, color: faded(close >= open ? up : down) })));
    const least = this.bars.reduce((found, { low }) => Math.min(found, Math.abs(low)), Infinity);
    const digits = least >= 1 || !Number.isFinite(least) ? 2 : Math.min(8, 2 + Math.ceil(-Math.log10(least || 1e-6)));
    this.prices.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
  }

  /** Which times are in sight, beyond the bars that are there if need be; null without bars. */
  get seen() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    const count = this.bars.length;
    if (!range || !count) return null;
    const first = this.bars[0].time;
    const last = this.bars[count - 1].time;
    const each = count > 1 ? (last - first) / (count - 1) : 60;
    const time = (at) => {
      if (at < 0) return first + at * each;
      if (at > count - 1) return last + (at - count + 1) * each;
      return this.bars[Math.round(at)].time;
    };
    const inSight = this.bars.slice(Math.max(0, Math.ceil(range.from)), Math.max(0, Math.floor(range.to) + 1));
    return { from: time(range.from), to: time(range.to), first: range.from, last: range.to, inSight };
  }

  zoom(factor) {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const middle = (range.from + range.to) / 2;
    const half = Math.max(BARS_LEAST, (range.to - range.from) * factor) / 2;
    this.chart.timeScale().setVisibleLogicalRange({ from: middle - half, to: middle + half });
  }

  /** Move by a part of what is in sight; to the right it is later. */
  pan(part) {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range) return;
    const step = (range.to - range.from) * part;
    this.chart.timeScale().setVisibleLogicalRange({ from: range.from + step, to: range.to + step });
  }

  /** Point at a bar, and have it in sight. */
  point(at) {
    const bar = this.bars[at];
    if (!bar) return;
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (range && (at < range.from || at > range.to)) this.pan(((at - (range.from + range.to) / 2)) / (range.to - range.from));
    this.chart.setCrosshairPosition(bar.close, bar.time, this.prices);
  }

  select(time) {
    this.selected = time;
    this.mark();
  }

  mark() {
    const isThere = this.selected !== null && this.byTime?.has(this.selected);
    this.markers.setMarkers(isThere
      ? [{ time: this.selected, position: "aboveBar", shape: "arrowDown", color: this.colours.accent }] : []);
  }

  close() {
    this.chart.remove();
  }
}

const frame = () => new Promise((done) => { requestAnimationFrame(done); });

/** A colour of the form rgb(r, g, b) that lets what is behind it through. */
const faded = (colour) => colour.replace("rgb(", "rgba(").replace(")", ", 0.45)");
