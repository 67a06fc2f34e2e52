//! The least time that the quotas and the latency allow, whoever does the job. A client that needs less than this
//! has guessed: every place among the outstanding creations is seen to be free before it is used again.

use std::time::Duration;

use crate::world::{OUTSTANDING, REQUESTS_PER_SECOND, Shape};

/// Calls that depend on one another before the first creation: ListInstances, ListPermissionSets,
/// DescribePermissionSet. Everything else that must be read can be read beside these.
const DEPTH: u32 = 3;
/// ListInstances, ListPermissionSets, ListAccountAssignmentCreationStatus for what is under way, and
/// ListPermissionSetsProvisionedToAccount for what is there.
const READS: usize = 4;

/// Creating all grants of `shape`, none of which is there. Everything is read first, and a name of a permission set is
/// found by describing all of the instance. The creations follow as soon as quota and places let them:
///
/// ```text
/// reads    = 4 + permission sets of the instance
/// polls(i) = the polls before creation i: one for each full set of places that must have been freed
/// quota(i) = (reads + i - 1 + polls(i)) / requests a second, in whole seconds
/// start(i) = the later of quota(i) and, while places are free, 3 x latency; afterwards
///            start(i - outstanding) + provisioning + latency
/// least    = start(grants) + provisioning + latency
/// ```
///
/// The quota holds for any second, so a whole second's requests may go at once. One poll tells of as many creations as
/// there are places, and a creation is seen to have ended one latency after its end.
pub fn makespan(shape: Shape, provisioning: Duration, latency: Duration) -> Duration {
    let reads = READS + shape.permission_sets_of_the_instance;
    let each = provisioning + latency;
    let mut starts: Vec<Duration> = Vec::with_capacity(shape.grants());
    for i in 0..shape.grants() {
        let polls = i / OUTSTANDING;
        let quota = Duration::from_secs(((reads + i + polls) / REQUESTS_PER_SECOND) as u64);
        let place = match i.checked_sub(OUTSTANDING) {
            Some(before) => starts[before] + each,
            None => DEPTH * latency,
        };
        starts.push(quota.max(place));
    }
    starts.last().map_or(Duration::ZERO, |last| *last + each)
}

/// From the start of a process to its answer, where all grants are there: ListInstances, ListPermissionSets,
/// DescribePermissionSet and ListAccountAssignments, one after the other.
pub fn nothing_to_do(latency: Duration) -> Duration {
    (DEPTH + 1) * latency
}

/// From the start of a process to its answer, where no grant is there and all have a place.
pub fn everything_to_do(provisioning: Duration, latency: Duration) -> Duration {
    DEPTH * latency + provisioning + latency
}

/// A later invocation of the function with nothing to do, by its own calls that depend on one another:
/// DescribeAccount tells which rows count; then ListAccountAssignmentCreationStatus, for what is under way must be read
/// before what is there; then ListPermissionSetsProvisionedToAccount and ListAccountAssignments.
pub fn warm(latency: Duration) -> Duration {
    4 * latency
}
