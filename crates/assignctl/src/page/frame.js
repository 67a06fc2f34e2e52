"use strict";
{
  const find = document.getElementById("find");
  const set = document.getElementById("set");
  const drift = document.getElementById("drift");
  const marks = document.getElementById("marks");
  const count = document.getElementById("count");
  const filtered = document.getElementById("filtered");
  const none = document.getElementById("none");
  const table = document.getElementById("matrix");

  const words = table.dataset;
  // The name of each searched text: two of the line, then those of an entry. Two may have one name.
  const FIELDS = words.fields.split(" ");
  const OF_ENTRY = 2;

  const lower = (element) => (element ? element.textContent.toLowerCase() : "");
  const ofAll = (shown, all, one, many) =>
    `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} ${all === 1 ? one : many}`;

  // What is searched, read once.
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const sets = heads.map((cell) => cell.querySelector("span").textContent);
  const items = heads.map((cell) => (cell.dataset.items || "").toLowerCase());
  const lines = [];
  const groups = [];
  for (const body of table.tBodies) {
    let group = null;
    for (const row of body.rows) {
      if (row.className === "group") {
        group = { row, shown: 0 };
        groups.push(group);
      } else {
        lines.push(lineOf(row, group));
      }
    }
  }
  const entriesOfAll = lines.reduce((sum, { entries }) => sum + entries.length, 0);

  function lineOf(row, group) {
    const [head, ...cells] = row.cells;
    const entries = [];
    const filled = [];
    cells.forEach((cell, column) => {
      if (!cell.firstChild || !cell.dataset.set) return;
      filled.push({ cell, shown: 0 });
      for (const item of cell.firstChild.children) {
        const kind = item.querySelector(":scope > i") ? "user " : "";
        entries.push({
          item,
          column,
          place: filled.length - 1,
          texts: [
            sets[column].toLowerCase(),
            kind + lower(item.querySelector(":scope > span")),
            lower(item.querySelector(":scope > small")),
            lower(item.querySelector(":scope > b > span")).trim(),
            items[column],
          ],
          drift: item.className !== "good" && item.className !== "soft",
        });
      }
    });
    const name = lower(head.querySelector("b")) + " " + lower(head.querySelector("code"));
    return { row, group, texts: [name, lower(head.querySelector("span"))], entries, filled };
  }

  // Words, or "several words", each for any field or for the one before its colon.
  function termsOf(text) {
    const terms = [];
    for (const word of text.toLowerCase().match(/(?:[a-z]+:)?(?:"[^"]*"?|\S+)/g) || []) {
      const colon = word.indexOf(":");
      const field = FIELDS.includes(word.slice(0, colon)) ? word.slice(0, colon) : null;
      const sought = (field ? word.slice(colon + 1) : word).replaceAll('"', "");
      if (sought) terms.push({ field, sought });
    }
    return terms;
  }

  // `first` is the place of the first of these texts among the fields.
  const has = (texts, first, { field, sought }) =>
    texts.some(
      (text, place) =>
        first + place < FIELDS.length && (!field || FIELDS[first + place] === field) && text.includes(sought),
    );

  // Columns in which nothing is shown are hidden by rules: cheaper than an attribute on each of their cells.
  const hiddenColumns = new CSSStyleSheet();
  document.adoptedStyleSheets = [hiddenColumns];

  function filter() {
    const terms = termsOf(find.value);
    const isFiltered = terms.length > 0 || set.value !== "" || drift.checked;
    const used = new Set();
    let linesShown = 0;
    let entriesShown = 0;
    for (const group of groups) group.shown = 0;
    for (const { row, group, texts, entries, filled } of lines) {
      // Words that the line does not have must be in its entries.
      const open = terms.filter((term) => !has(texts, 0, term));
      const matches = (entry) =>
        (!drift.checked || entry.drift) &&
        (!set.value || sets[entry.column] === set.value) &&
        open.every((term) => has(entry.texts, OF_ENTRY, term));
      const matching = entries.filter(matches);
      const shown = matching.length > 0 || (open.length === 0 && !drift.checked && !set.value);
      if (row.hidden === shown) row.hidden = !shown;
      if (!shown) continue;
      linesShown += 1;
      entriesShown += matching.length;
      if (group) group.shown += 1;
      for (const one of filled) one.shown = 0;
      const kept = new Set(matching);
      for (const entry of entries) {
        const keep = kept.has(entry);
        if (entry.item.hidden === keep) entry.item.hidden = !keep;
        if (!keep) continue;
        used.add(entry.column);
        filled[entry.place].shown += 1;
      }
      for (const { cell, shown } of filled) {
        if (cell.classList.contains("none") === shown > 0) cell.classList.toggle("none", shown === 0);
      }
    }
    for (const { row, shown } of groups) row.hidden = shown === 0;
    const unused = isFiltered ? sets.map((_, column) => column).filter((column) => !used.has(column)) : [];
    const selector = unused.map((column) => `#matrix tr > :nth-child(${column + 2})`).join(",");
    hiddenColumns.replaceSync(selector ? `${selector} { display: none }` : "");
    table.style.setProperty("--columns", sets.length - unused.length);
    table.classList.toggle("marks", marks.checked);
    none.hidden = linesShown > 0;
    count.textContent =
      ofAll(linesShown, lines.length, words.line, words.lines) +
      ", " +
      ofAll(entriesShown, entriesOfAll, "entry", "entries");
    // A sheet of paper must say what is not on it.
    const by = [
      find.value.trim() && `“${find.value.trim()}”`,
      set.value && `${words.column} ${set.value}`,
      drift.checked && words.drift,
    ].filter(Boolean);
    filtered.hidden = !isFiltered;
    filtered.textContent = isFiltered ? `Filtered by ${by.join(", ")}: ${count.textContent}.` : "";
    remember();
  }

  // The view is in the address, so that it can be kept and sent.
  let remembering = 0;
  function remember() {
    clearTimeout(remembering);
    remembering = setTimeout(() => {
      const state = new URLSearchParams();
      if (find.value.trim()) state.set("find", find.value.trim());
      if (set.value) state.set("set", set.value);
      if (drift.checked) state.set("drift", "1");
      if (marks.checked) state.set("marks", "1");
      const hash = String(state);
      if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
    }, 300);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    find.value = state.get("find") || "";
    set.value = state.get("set") || "";
    if (set.selectedIndex < 0) set.value = "";
    drift.checked = state.has("drift");
    marks.checked = state.has("marks");
    filter();
  }

  function clear() {
    find.value = "";
    set.value = "";
    drift.checked = false;
    filter();
  }

  // Once a frame is enough, however fast a person types.
  let due = 0;
  function soon() {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(filter);
  }

  for (const control of [find, set, drift, marks]) control.addEventListener("input", soon);
  document.getElementById("bar").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("clear").addEventListener("click", () => {
    clear();
    find.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      clear();
    } else if (event.key === "/" && event.target !== find && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      find.focus();
      find.select();
    }
  });
  // If only marks are shown, the pointer shows what a cell holds.
  table.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("td[data-set]");
    if (!cell) return;
    const items = [...cell.querySelectorAll("li:not([hidden])")].map((item) => item.textContent);
    cell.title = marks.checked ? `${cell.dataset.set}\n${items.join("\n")}` : "";
  });
  addEventListener("hashchange", recall);

  document.getElementById("bar").hidden = false;
  recall();
}
