// What the report of a draft adds to the frame: the order of the actions.
{
  const nameOf = ({ exact: [[name]] }) => name;
  const lastOf = ({ row }) => row.dataset.last || "";
  const accountsOf = ({ row }) => Number(row.dataset.accounts);
  const byName = (one, other) => nameOf(one).localeCompare(nameOf(other));
  frame.sorting({
    oldest: (one, other) => lastOf(one).localeCompare(lastOf(other)) || byName(one, other),
    fewest: (one, other) => accountsOf(one) - accountsOf(other) || byName(one, other),
    most: (one, other) => accountsOf(other) - accountsOf(one) || byName(one, other),
  });
}
