//! Everything that a decision about controls rests on, read at one moment: what has to be done follows from it and a
//! table alone.

use super::{
    Row, Table,
    catalogue::Catalogue,
    facts::Facts,
    plan::{self, Plan, Rules},
    tree::Tree,
    wish::{self, Member, Unresolved, Wishes},
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

    /// Returns how many operations, anyone's, are under way on the OUs that were asked for by their ids, and below; without
    /// ids on any. What is under way elsewhere takes a place, and nobody has to wait for its end.
    pub fn under_way(&self, asked: &[String]) -> usize {
        let is_asked_for =
            |unit: &str| asked.is_empty() || self.tree.place(unit).is_some_and(self.tree.selection(asked));
        self.facts.under_way.iter().filter(|operation| is_asked_for(operation.unit())).count()
    }

    /// Makes the OUs that are unresolved those that were asked for by their ids and do not exist; without ids it changes
    /// nothing.
    pub fn ask<'p>(&'p self, table: &'p Table, asked: &[String], wishes: &mut Wishes<'p>) {
        wishes.unresolved.retain(|_| asked.is_empty());
        let missing = asked.iter().filter(|id| self.tree.place(id).is_none());
        wishes.unresolved.extend(missing.flat_map(|id| {
            let unresolved = |(row, of): (usize, &Row)| Unresolved {
                row,
                controls: of.controls().iter().filter_map(|name| self.catalogue.named(name)).collect(),
                unit: id.clone(),
            };
            table.rows.iter().enumerate().take(1).map(unresolved)
        }));
    }
}
