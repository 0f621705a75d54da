// The view that is shown, as it stands behind # in the address: #/chart/SPY?interval=5m

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

export function placeNow() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view = "", symbol = ""] = path.split("/");
  return { view, symbol: decoded(symbol), given: Object.fromEntries(new URLSearchParams(query)) };
}

export function hashOf(view, symbol = "", given = {}) {
  const said = Object.entries(given).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(said).toString();
  return `#/${view}${symbol ? `/${encodeURIComponent(symbol)}` : ""}${query ? `?${query}` : ""}`;
}

/** Keep the address in step with what is shown, without a step back for each change. */
export function notePlace(view, symbol, given) {
  history.replaceState(null, "", hashOf(view, symbol, given));
}
