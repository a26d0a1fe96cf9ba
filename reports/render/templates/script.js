"use strict";

// Each column heading becomes a button that sorts the rows. Rows without a value stay last in both directions.
function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, key: key(row.cells[place], head) }));
      rows.sort((a, b) => compare(a.key, b.key, descending ? -1 : 1));
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

// A text field above the table hides the rows that do not contain every word typed.
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

// Browsers may forbid storage to a page opened from a file; the choice of theme is then lost with the page.
function storage(action) {
  try { return action(localStorage); } catch { return null; }
}

function themed(button) {
  const themes = ["system", "light", "dark"];
  const apply = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `theme: ${theme}`;
  };
  let current = storage((store) => store.getItem("like-for-like-theme"));
  if (!themes.includes(current)) current = "system";
  apply(current);
  button.hidden = false;
  button.addEventListener("click", () => {
    current = themes[(themes.indexOf(current) + 1) % themes.length];
    apply(current);
    storage((store) => store.setItem("like-for-like-theme", current));
  });
}

function copying(button, source) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(source);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "copied";
    } catch {
      button.textContent = document.execCommand("copy") ? "copied" : "press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  });
}

// A link to a place inside a folded section opens the section.
function unfold(target) {
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
}

document.querySelectorAll("table").forEach(sortable);
document.querySelectorAll("table[data-filter]").forEach(filterable);
document.querySelectorAll("#copy").forEach((button) => copying(button, document.getElementById("command")));
themed(document.getElementById("theme"));
addEventListener("hashchange", () => unfold(document.getElementById(location.hash.slice(1))));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
