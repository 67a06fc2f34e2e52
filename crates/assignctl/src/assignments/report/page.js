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
  const view = document.getElementById("view");
  const sort = document.getElementById("sort");
  const people = document.getElementById("people");

  const FIELDS = ["account", "ou", "set", "who", "row", "mark"];
  const OF_ACCOUNT = ["account", "ou"];
  const OF_ENTRY = ["set", "who", "row", "mark"];

  const lower = (element) => (element ? element.textContent.toLowerCase() : "");
  const listed = (text) => (text ? text.split(", ") : []);
  const ofAll = (shown, all, one, many) =>
    `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} ${all === 1 ? one : many}`;

  // What is searched, read once.
  const sets = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const accounts = [];
  const groups = [];
  for (const body of table.tBodies) {
    let group = null;
    for (const row of body.rows) {
      if (row.className === "group") {
        group = { row, shown: 0 };
        groups.push(group);
      } else {
        accounts.push(accountOf(row, group));
      }
    }
  }
  const entriesOfAll = accounts.reduce((sum, { entries }) => sum + entries.length, 0);

  function accountOf(row, group) {
    const [head, ...cells] = row.cells;
    const entries = [];
    const filled = [];
    cells.forEach((cell, column) => {
      if (!cell.firstChild || !cell.dataset.set) return;
      filled.push({ cell, shown: 0 });
      for (const item of cell.firstChild.children) {
        const kind = item.querySelector(":scope > i") ? "user " : "";
        const who = lower(item.querySelector(":scope > span"));
        const rows = lower(item.querySelector(":scope > small"));
        entries.push({
          item,
          column,
          place: filled.length - 1,
          set: sets[column].toLowerCase(),
          who: kind + who,
          row: rows,
          mark: item.className,
          exact: {
            set: [sets[column].toLowerCase()],
            who: [who, (kind || "group ") + who],
            row: listed(rows),
            mark: [item.className],
          },
          drift: item.className !== "present" && item.className !== "outside",
        });
      }
    });
    const name = lower(head.querySelector("b"));
    const id = lower(head.querySelector("code"));
    const ou = lower(head.querySelector("span"));
    const exact = { account: [name, id], ou: [ou] };
    return { row, group, account: name + " " + id, ou, exact, name, id, entries, filled };
  }

  // The same by group and user: each row of that table is an entry.
  const holdings = [...people.tBodies[0].rows].map((row) => {
    const [head, set, mark, rows, , which] = row.cells;
    const who = `${lower(head.querySelector("i"))} ${lower(head.querySelector("b"))}`;
    const through = lower(head.querySelector("small")).replace("through ", "");
    const texts = (selector) => [...which.querySelectorAll(selector)].map(lower);
    const accounts = [...texts("li > span"), ...texts("li > code")];
    return {
      item: row,
      account: accounts.join(" "),
      set: lower(set),
      who: `${who} ${through}`,
      row: lower(rows),
      mark: row.className,
      drift: row.className !== "present" && row.className !== "outside",
      exact: {
        account: accounts,
        set: [lower(set)],
        who: [who, who.slice(who.indexOf(" ") + 1), through, through.replace("group ", "")].filter(Boolean),
        row: listed(lower(rows)),
        mark: [row.className],
      },
      cells: [who, lower(set), lower(mark), lower(rows), Number(row.cells[4].textContent), accounts[0] || ""],
    };
  });

  // Words, or "several words", each for any field or for the one before its colon.
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

  const has = (fields, one, { field, exact, sought }) => {
    const from = exact ? one.exact : one;
    return field
      ? fields.includes(field) && from[field].includes(sought)
      : fields.some((field) => from[field].includes(sought));
  };

  // Columns in which nothing is shown are hidden by rules: cheaper than an attribute on each of their cells.
  const hiddenColumns = new CSSStyleSheet();
  document.adoptedStyleSheets = [hiddenColumns];

  // An OU is a matter of accounts: it says nothing of a row that is about many of them.
  const OF_HOLDING = ["account", ...OF_ENTRY];

  function filterPeople(terms) {
    const principals = new Set();
    const all = new Set();
    let shown = 0;
    for (const holding of holdings) {
      const who = holding.exact.who[0];
      all.add(who);
      const keep =
        (!drift.checked || holding.drift) &&
        (!set.value || holding.set === set.value.toLowerCase()) &&
        terms.every((term) => has(OF_HOLDING, holding, term));
      if (holding.item.hidden === keep) holding.item.hidden = !keep;
      if (!keep) continue;
      shown += 1;
      principals.add(who);
    }
    none.hidden = shown > 0;
    count.textContent =
      ofAll(principals.size, all.size, "group or user", "groups and users") +
      ", " +
      ofAll(shown, holdings.length, "entry", "entries");
  }

  function filter() {
    const terms = termsOf(find.value);
    const isFiltered = terms.length > 0 || set.value !== "" || drift.checked;
    document.body.classList.toggle("by-who", view.value === "who");
    if (view.value === "who") {
      filterPeople(terms);
    } else {
      filterAccounts(terms, isFiltered);
    }
    // A sheet of paper must say what is not on it.
    const by = [
      find.value.trim() && `“${find.value.trim()}”`,
      set.value && `permission set ${set.value}`,
      drift.checked && "only drift",
    ].filter(Boolean);
    filtered.hidden = !isFiltered;
    filtered.textContent = isFiltered ? `Filtered by ${by.join(", ")}: ${count.textContent}.` : "";
    remember();
  }

  function filterAccounts(terms, isFiltered) {
    const used = new Set();
    let accountsShown = 0;
    let entriesShown = 0;
    for (const group of groups) group.shown = 0;
    for (const { row, group, entries, filled, ...account } of accounts) {
      // Words that the account does not have must be in its entries.
      const open = terms.filter((term) => !has(OF_ACCOUNT, account, term));
      const matches = (entry) =>
        (!drift.checked || entry.drift) &&
        (!set.value || sets[entry.column] === set.value) &&
        open.every((term) => has(OF_ENTRY, entry, term));
      const matching = entries.filter(matches);
      const shown = matching.length > 0 || (open.length === 0 && !drift.checked && !set.value);
      if (row.hidden === shown) row.hidden = !shown;
      if (!shown) continue;
      accountsShown += 1;
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
    none.hidden = accountsShown > 0;
    count.textContent =
      ofAll(accountsShown, accounts.length, "account", "accounts") +
      ", " +
      ofAll(entriesShown, entriesOfAll, "entry", "entries");
  }

  // Sorting moves rows within their part of the table.
  const inOrder = {
    name: (one, other) => one.name.localeCompare(other.name) || one.id.localeCompare(other.id),
    id: (one, other) => one.id.localeCompare(other.id),
    drift: (one, other) => drifts(other) - drifts(one),
  };
  const drifts = ({ entries }) => entries.filter((entry) => entry.drift).length;
  let sorted = "";
  function reorder() {
    if (sorted === sort.value) return;
    sorted = sort.value;
    const order = inOrder[sorted] ? [...accounts].sort(inOrder[sorted]) : accounts;
    for (const body of table.tBodies) body.append(...order.map(({ row }) => row).filter((row) => row.parentNode === body));
  }

  // The heads of the other table sort it; a second time the other way round.
  [...people.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of people.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const compare = ({ cells: one }, { cells: other }) =>
        typeof one[column] === "number" ? one[column] - other[column] : one[column].localeCompare(other[column]);
      const order = [...holdings].sort((one, other) => (down ? compare(other, one) : compare(one, other)));
      people.tBodies[0].append(...order.map(({ item }) => item));
    });
  });

  // The view is in the address, so that it can be kept and sent.
  let remembering = 0;
  function remember() {
    clearTimeout(remembering);
    remembering = setTimeout(() => {
      const state = new URLSearchParams();
      if (find.value.trim()) state.set("find", find.value.trim());
      if (view.value) state.set("view", view.value);
      if (sort.value) state.set("sort", sort.value);
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
    view.value = state.get("view") || "";
    if (view.selectedIndex < 0) view.value = "";
    sort.value = state.get("sort") || "";
    if (sort.selectedIndex < 0) sort.value = "";
    reorder();
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

  sort.addEventListener("input", () => {
    reorder();
    remember();
  });
  for (const control of [find, view, set, drift, marks]) control.addEventListener("input", soon);
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
