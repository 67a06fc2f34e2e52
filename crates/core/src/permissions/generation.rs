//! Policy generations: which one to ask for next. It does not ask.

use std::collections::BTreeSet;

/// The Region in which IAM, STS and other global services log. It is always asked for.
pub const GLOBAL: &str = "us-east-1";
/// To how many days a generation is cut if there is too much to read, one after the other.
const FEWER_DAYS: &[u32] = &[60, 30, 14, 7];

/// What one generation is asked to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub days: u32,
    pub regions: Regions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    All,
    One(String),
}

/// What to ask for in an account, until everything that can be read has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The Regions that are enabled in the account, without the global one.
    regions: BTreeSet<String>,
    /// What is asked for next is the last of these.
    open: Vec<Ask>,
    /// Whether Regions are read one by one.
    divided: bool,
}

/// What came of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It found something, or nothing.
    Read,
    /// There are more files than one generation reads.
    TooMuch,
}

impl Plan {
    pub fn new(days: u32, regions: impl IntoIterator<Item = String>) -> Plan {
        let regions = regions.into_iter().filter(|region| region != GLOBAL).collect();
        Plan { regions, open: vec![Ask { days, regions: Regions::All }], divided: false }
    }

    /// Returns what to ask for next. `None`: everything was read.
    pub fn next(&self) -> Option<&Ask> {
        self.open.last()
    }

    /// Takes note of what came of it. What is too much is asked for with fewer days; if it is too much even then, Region
    /// by Region.
    ///
    /// # Errors
    /// What cannot be read, because it is too much in its smallest form.
    pub fn answer(&mut self, answer: Answer) -> Result<(), Ask> {
        let Some(ask) = self.open.pop() else { return Ok(()) };
        if answer == Answer::Read {
            return Ok(());
        }
        if let Some(days) = FEWER_DAYS.iter().copied().find(|days| *days < ask.days) {
            self.open.push(Ask { days, ..ask });
            return Ok(());
        }
        if self.divided || ask.regions != Regions::All {
            return Err(ask);
        }
        self.divided = true;
        let one = |region: &str| Ask { days: ask.days, regions: Regions::One(region.to_owned()) };
        self.open.extend(self.regions.iter().rev().map(|region| one(region)));
        self.open.push(one(GLOBAL));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(plan: &mut Plan, too_much: impl Fn(&Ask) -> bool) -> (Vec<(u32, String)>, Vec<Ask>) {
        let (mut read, mut refused) = (Vec::new(), Vec::new());
        while let Some(ask) = plan.next().cloned() {
            let too_much = too_much(&ask);
            if !too_much {
                let region = match &ask.regions {
                    Regions::All => "*".to_owned(),
                    Regions::One(region) => region.clone(),
                };
                read.push((ask.days, region));
            }
            let answer = if too_much { Answer::TooMuch } else { Answer::Read };
            refused.extend(plan.answer(answer).err());
        }
        (read, refused)
    }

    fn plan() -> Plan {
        Plan::new(90, ["eu-west-1", GLOBAL, "ap-northeast-2"].map(str::to_owned))
    }

    #[test]
    fn what_is_too_much_is_asked_with_fewer_days_and_then_region_by_region() {
        assert_eq!(asked(&mut plan(), |_| false), (vec![(90, "*".to_owned())], vec![]));
        assert_eq!(asked(&mut plan(), |ask| ask.days > 20).0, [(14, "*".to_owned())]);
        let by_region = asked(&mut plan(), |ask| ask.regions == Regions::All);
        let expected = [GLOBAL, "ap-northeast-2", "eu-west-1"].map(|region| (7, region.to_owned()));
        assert_eq!(by_region, (expected.to_vec(), vec![]));
        let one = Regions::One("eu-west-1".to_owned());
        let (read, refused) = asked(&mut plan(), |ask| [&Regions::All, &one].contains(&&ask.regions));
        assert_eq!(read, expected[..2]);
        assert_eq!(refused, [Ask { days: 7, regions: one }], "what was not read is named");
        assert_eq!(
            asked(&mut Plan::new(5, []), |ask| ask.regions == Regions::All).0,
            [(5, GLOBAL.to_owned())]
        );
        assert_eq!(asked(&mut plan(), |_| true).1.len(), 3);
    }
}
