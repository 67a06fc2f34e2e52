// What the report of a draft adds to the frame: the order of the actions.
{
  const { table, lines } = frame;
  const sort = document.getElementById("sort");
  const nameOf = ({ exact: [[name]] }) => name;
  const lastOf = ({ row }) => row.dataset.last || "";
  const accountsOf = ({ row }) => Number(row.dataset.accounts);
  const byName = (one, other) => nameOf(one).localeCompare(nameOf(other));
  const inOrder = {
    oldest: (one, other) => lastOf(one).localeCompare(lastOf(other)) || byName(one, other),
    fewest: (one, other) => accountsOf(one) - accountsOf(other) || byName(one, other),
    most: (one, other) => accountsOf(other) - accountsOf(one) || byName(one, other),
  };
  // Sorting moves rows within their part of the table.
  let sorted = "";
  frame.choice("sort", () => {
    if (sorted === sort.value) return;
    sorted = sort.value;
    const order = inOrder[sorted] ? [...lines].sort(inOrder[sorted]) : lines;
    for (const body of table.tBodies) body.append(...order.map(({ row }) => row).filter((row) => row.parentNode === body));
  });
}
