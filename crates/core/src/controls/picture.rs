//! Everything that a decision about controls rests on, read at one moment: what has to be done follows from it and a
//! table alone.

use super::{
    Table,
    catalogue::Catalogue,
    facts::Facts,
    plan::{self, Plan, Rules},
    tree::Tree,
    wish::{self, Member, Wishes},
};
use crate::reading::Fault;

#[derive(Clone, Debug)]
pub struct Picture {
    pub tree: Tree,
    pub catalogue: Catalogue,
    pub facts: Facts,
    /// `None` if they were not read.
    pub accounts: Option<Vec<Member>>,
}

impl Picture {
    /// Returns what the table wants and what has to be done about it.
    ///
    /// # Errors
    /// Every fault of the table that the catalogue and the tree show.
    pub fn decide<'p>(&'p self, table: &'p Table, rules: Rules) -> Result<(Wishes<'p>, Plan), Vec<Fault>> {
        let Picture { tree, catalogue, facts, accounts } = self;
        let wishes = wish::wishes(table, catalogue, tree, accounts.as_deref(), facts.now)?;
        let plan = plan::plan(&wishes, &table.rest, catalogue, tree, facts, rules);
        Ok((wishes, plan))
    }
}
