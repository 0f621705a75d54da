// Light, dark, or as the system has it; and colours for what is drawn on a canvas.

const KEY = "barhouse.theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

export function takeTheme(button, painted) {
  const kept = stored();
  let theme = kept in NEXT ? kept : "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    painted();
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    try {
      localStorage.setItem(KEY, theme);
    } catch { /* a browser that keeps nothing shows the theme all the same */ }
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", painted);
  apply();
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Colours of the style sheet, by the names of its properties, as a canvas takes them. */
export function colours(names) {
  const probe = document.createElement("span");
  document.body.append(probe);
  const found = {};
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}
