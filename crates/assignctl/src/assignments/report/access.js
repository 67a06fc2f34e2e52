// What the report of access adds to the frame: the order of the accounts, and the same by group and user.
{
  const { drift, set, lower, listed, ofAll, has } = frame;
  const people = document.getElementById("people");

  const nameOf = ({ exact: [[name]] }) => name;
  const idOf = ({ exact: [[, id]] }) => id;
  const drifts = ({ entries }) => entries.filter((entry) => entry.drift).length;
  frame.sorting({
    name: (one, other) => nameOf(one).localeCompare(nameOf(other)) || idOf(one).localeCompare(idOf(other)),
    id: (one, other) => idOf(one).localeCompare(idOf(other)),
    drift: (one, other) => drifts(other) - drifts(one),
  });

  // The same by group and user: each row of that table is an entry, and has the texts of one. An OU is a matter of
  // accounts: it says nothing of a row that is about many of them.
  const holdings = [...people.tBodies[0].rows].map((row) => {
    const [head, column, state, rows, number, which] = row.cells;
    const kind = lower(head.querySelector("i"));
    const name = lower(head.querySelector("b"));
    const group = lower(head.querySelector("small")).replace("through group ", "");
    const mark = lower(state.querySelector("span"));
    const texts = (selector) => [...which.querySelectorAll(selector)].map(lower);
    const accounts = [...texts("li > span"), ...texts("li > code")];
    const who = `${kind} ${name}`;
    return {
      item: row,
      who,
      texts: [accounts.join(" "), "", lower(column), group ? `${who} group ${group}` : who, lower(rows), mark],
      exact: [
        accounts,
        [],
        [lower(column)],
        group ? [who, name, group, `group ${group}`] : [who, name],
        listed(lower(rows)),
        [mark],
      ],
      drift: frame.isDrift(row),
      cells: [who, lower(column), lower(state), lower(rows), Number(number.textContent), accounts[0] || ""],
    };
  });
  const principals = new Set(holdings.map(({ who }) => who)).size;

  function filterPeople(terms) {
    const found = new Set();
    let shown = 0;
    for (const holding of holdings) {
      const keep =
        (!drift.checked || holding.drift) &&
        (!set.value || holding.exact[frame.COLUMN][0] === set.value.toLowerCase()) &&
        terms.every((term) => has(holding, 0, term));
      if (holding.item.hidden === keep) holding.item.hidden = !keep;
      if (!keep) continue;
      shown += 1;
      found.add(holding.who);
    }
    const said =
      ofAll(found.size, principals, "group or user", "groups and users") +
      ", " +
      ofAll(shown, holdings.length, "entry", "entries");
    return { shown, said };
  }

  const filterLines = frame.filter;
  frame.choice("view", (view) => {
    document.body.classList.toggle("by-who", view === "who");
    frame.filter = view === "who" ? filterPeople : filterLines;
  });
  document.getElementById("count").htmlFor.add("view");

  // The heads of that table sort it; a second time the other way round.
  const heads = [...people.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const compare = ({ cells: one }, { cells: other }) =>
        typeof one[column] === "number" ? one[column] - other[column] : one[column].localeCompare(other[column]);
      const order = [...holdings].sort((one, other) => (down ? compare(other, one) : compare(one, other)));
      people.tBodies[0].append(...order.map(({ item }) => item));
    });
  });
}
