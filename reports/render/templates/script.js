"use strict";

// Each header becomes a button that sorts its column. Rows without a value stay last, whichever way it goes.
function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, key: key(row.cells[place], head) }));
      rows.sort((a, b) => compare(a.key, b.key, down ? -1 : 1));
      body.append(...rows.map((entry) => entry.row));
    });
  });
}

function key(cell, head) {
  if (!head.classList.contains("number")) return cell.textContent.trim();
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  return direction * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

// Every word typed must occur somewhere in a row.
function filterable(table) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  label.className = "filter";
  input.type = "search";
  label.append("Filter", input);
  table.parentElement.before(label);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}

function remember(theme) {
  try { localStorage.setItem("like-for-like-theme", theme); } catch { /* a page opened from a file may not store */ }
}

function remembered() {
  try { return localStorage.getItem("like-for-like-theme"); } catch { return null; }
}

function themed(button) {
  const themes = ["system", "light", "dark"];
  const apply = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `theme: ${theme}`;
  };
  let current = themes.includes(remembered()) ? remembered() : "system";
  apply(current);
  button.hidden = false;
  button.addEventListener("click", () => {
    current = themes[(themes.indexOf(current) + 1) % themes.length];
    apply(current);
    remember(current);
  });
}

function copying(button, source) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "copied";
    } catch {
      button.textContent = document.execCommand("copy") ? "copied" : "press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  });
}

// A link to a note or a table inside a folded part opens it; a print shows all.
function unfold(target) {
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
}

document.querySelectorAll("table").forEach(sortable);
document.querySelectorAll("table[data-filter]").forEach(filterable);
themed(document.getElementById("theme"));
document.querySelectorAll("#copy").forEach((button) => copying(button, document.getElementById("command")));
addEventListener("hashchange", () => unfold(document.getElementById(location.hash.slice(1))));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
