"use strict";
const frame = (() => {
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
  const COLUMN = 2;

  const lower = (element) => (element ? element.textContent.toLowerCase() : "");
  const listed = (text) => (text ? text.split(", ") : []);
  const isDrift = (element) => element.className !== "good" && element.className !== "soft";
  const ofAll = (shown, all, one, many) =>
    `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} ${all === 1 ? one : many}`;

  // What is searched, read once: `texts` for a part of a word, `exact` for a whole name, both in the order of FIELDS.
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
        const said = lower(item.querySelector(":scope > i"));
        const kind = said || words.kind;
        const name = lower(item.querySelector(":scope > span"));
        const rows = lower(item.querySelector(":scope > small"));
        const mark = lower(item.querySelector(":scope > b > span")).trim();
        const title = sets[column].toLowerCase();
        entries.push({
          item,
          column,
          place: filled.length - 1,
          texts: [title, said ? `${said} ${name}` : name, rows, mark, items[column]],
          exact: [[title], kind ? [name, `${kind} ${name}`] : [name], listed(rows), [mark], items[column].split("; ")],
          drift: isDrift(item),
        });
      }
    });
    const name = lower(head.querySelector("b"));
    const id = lower(head.querySelector("code"));
    const place = lower(head.querySelector("span"));
    return { row, group, texts: [`${name} ${id}`, place], exact: [[name, id], [place]], entries, filled };
  }

  // Words, or "several words", each for any field or for the one before its colon, and whole after an equals sign.
  function termsOf(text) {
    const terms = [];
    for (const word of text.toLowerCase().match(/(?:[a-z]+:)?=?(?:"[^"]*"?|\S+)/g) || []) {
      const colon = word.indexOf(":");
      const field = FIELDS.includes(word.slice(0, colon)) ? word.slice(0, colon) : null;
      const value = field ? word.slice(colon + 1) : word;
      const exact = value.startsWith("=");
      const sought = value.slice(exact ? 1 : 0).replaceAll('"', "");
      if (sought) terms.push({ field, exact, sought });
    }
    return terms;
  }

  // `first` is the place of the first text of `one` among the fields.
  const has = (one, first, { field, exact, sought }) =>
    (exact ? one.exact : one.texts).some(
      (text, place) =>
        first + place < FIELDS.length && (!field || FIELDS[first + place] === field) && text.includes(sought),
    );

  // Columns in which nothing is shown are hidden by rules: cheaper than an attribute on each of their cells.
  const hiddenColumns = new CSSStyleSheet();
  document.adoptedStyleSheets = [hiddenColumns];

  function filterLines(terms, isFiltered) {
    const used = new Set();
    let linesShown = 0;
    let entriesShown = 0;
    for (const group of groups) group.shown = 0;
    for (const line of lines) {
      const { row, group, entries, filled } = line;
      // Words that the line does not have must be in its entries.
      const open = terms.filter((term) => !has(line, 0, term));
      const matches = (entry) =>
        (!drift.checked || entry.drift) &&
        (!set.value || sets[entry.column] === set.value) &&
        open.every((term) => has(entry, COLUMN, term));
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
    const said =
      ofAll(linesShown, lines.length, words.line, words.lines) +
      ", " +
      ofAll(entriesShown, entriesOfAll, "entry", "entries");
    return { shown: linesShown, said };
  }

  function filter() {
    const terms = termsOf(find.value);
    const isFiltered = terms.length > 0 || set.value !== "" || drift.checked;
    const { shown, said } = frame.filter(terms, isFiltered);
    none.hidden = shown > 0;
    count.textContent = said;
    // A sheet of paper must say what is not on it.
    const by = [
      find.value.trim() && `“${find.value.trim()}”`,
      set.value && `${words.column} ${set.value}`,
      drift.checked && words.drift,
    ].filter(Boolean);
    filtered.hidden = !isFiltered;
    filtered.textContent = isFiltered ? `Filtered by ${by.join(", ")}: ${said}.` : "";
    remember();
  }

  // Selects of the bar, by their id.
  const choices = [{ name: "set", control: set, chosen: () => {} }];

  // The view is in the address, so that it can be kept and sent.
  let remembering = 0;
  function remember() {
    clearTimeout(remembering);
    remembering = setTimeout(() => {
      const state = new URLSearchParams();
      if (find.value.trim()) state.set("find", find.value.trim());
      for (const { name, control } of choices) if (control.value) state.set(name, control.value);
      if (drift.checked) state.set("drift", "1");
      if (marks.checked) state.set("marks", "1");
      const hash = String(state);
      if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
    }, 300);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    find.value = state.get("find") || "";
    for (const { name, control, chosen } of choices) {
      control.value = state.get(name) || "";
      if (control.selectedIndex < 0) control.value = "";
      chosen(control.value);
    }
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

  // What a page may add to.
  const frame = {
    ...{ drift, set, COLUMN, lower, listed, isDrift, ofAll, has },
    // Shows what has all terms, and returns how much that is, as a number and in words. Another view puts its own here.
    filter: filterLines,
    // Enters the select `sort`: lines move within their part of the table. Without an order they stand as they were written.
    sorting(inOrder) {
      let sorted = "";
      frame.choice("sort", (order) => {
        if (sorted === order) return;
        sorted = order;
        const rows = (inOrder[order] ? [...lines].sort(inOrder[order]) : lines).map(({ row }) => row);
        for (const body of table.tBodies) body.append(...rows.filter((row) => row.parentNode === body));
      });
    },
    // Enters a select of the bar. `chosen` gets its value now and whenever it changes.
    choice(name, chosen) {
      const control = document.getElementById(name);
      choices.push({ name, control, chosen });
      control.addEventListener("input", () => {
        chosen(control.value);
        soon();
      });
    },
    start() {
      addEventListener("hashchange", recall);
      document.getElementById("bar").hidden = false;
      recall();
    },
  };
  return frame;
})();
