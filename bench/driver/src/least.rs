//! The least time that the quotas and the latency allow any client. A client that needs less has guessed: here a place
//! among the outstanding creations is used again only after it is seen to be free.

use std::time::Duration;

use crate::world::{OUTSTANDING, REQUESTS_PER_SECOND, Shape};

/// Calls that depend on one another before the first creation: ListInstances, ListPermissionSets,
/// DescribePermissionSet. Everything else that must be read can be read at the same time.
const DEPTH: u32 = 3;
/// ListInstances, ListPermissionSets, ListAccountAssignmentCreationStatus for the creations in progress, and
/// ListPermissionSetsProvisionedToAccount for the assignments.
const READS: usize = 4;

/// The same of an invocation that knows the names: without ListInstances and DescribePermissionSet.
/// ListPermissionSets shows whether they still hold.
const WARM_READS: usize = 3;

/// Returns the least time to create all grants of `shape` if none is there. Everything is read first, and a permission
/// set is found by name by describing all of the instance.
pub fn makespan(shape: Shape, provisioning: Duration, latency: Duration) -> Duration {
    let reads = READS + shape.permission_sets_of_the_instance;
    creations(shape.grants(), reads, (OUTSTANDING, REQUESTS_PER_SECOND), provisioning, latency)
}

/// Returns the least time in which so many invocations that know the names create so many grants together. `quotas`:
/// outstanding creations and requests a second.
pub fn warm_makespan(
    invocations: usize,
    grants: usize,
    quotas: (usize, usize),
    provisioning: Duration,
    latency: Duration,
) -> Duration {
    creations(grants, invocations * WARM_READS, quotas, provisioning, latency)
}

/// Returns the least time for so many reads and so many creations after them, which follow as soon as quota and places
/// allow:
///
/// ```text
/// polls(i) = the polls before creation i: one for each full set of places that must have been freed
/// quota(i) = (reads + i - 1 + polls(i)) / requests a second, in whole seconds
/// start(i) = the later of quota(i) and, while places are free, 3 x latency; afterwards
///            start(i - outstanding) + provisioning + latency
/// least    = start(grants) + provisioning + latency
/// ```
///
/// The quota holds for any second, so that a whole second's requests may go at once. One poll shows as many creations
/// as there are places. The end of a creation is seen one latency later.
fn creations(
    count: usize,
    reads: usize,
    (outstanding, requests): (usize, usize),
    provisioning: Duration,
    latency: Duration,
) -> Duration {
    let each = provisioning + latency;
    let mut starts: Vec<Duration> = Vec::with_capacity(count);
    for i in 0..count {
        let polls = i / outstanding;
        let quota = Duration::from_secs(((reads + i + polls) / requests) as u64);
        let place = match i.checked_sub(outstanding) {
            Some(before) => starts[before] + each,
            None => DEPTH * latency,
        };
        starts.push(quota.max(place));
    }
    starts.last().map_or(Duration::ZERO, |last| *last + each)
}

/// Returns the least time from the start of a process to its answer if all grants are there: ListInstances,
/// ListPermissionSets, DescribePermissionSet and ListAccountAssignments, one after the other.
pub fn nothing_to_do(latency: Duration) -> Duration {
    (DEPTH + 1) * latency
}

/// Returns the least time from the start of a process to its answer if no grant is there and all have a place.
pub fn everything_to_do(provisioning: Duration, latency: Duration) -> Duration {
    DEPTH * latency + provisioning + latency
}

/// Returns the least time of a later invocation of the function with nothing to do, by the calls that depend on one
/// another: DescribeAccount decides which rows count. ListAccountAssignmentCreationStatus follows, because the creations
/// in progress must be read before the assignments. Then ListPermissionSetsProvisionedToAccount and
/// ListAccountAssignments.
pub fn warm(latency: Duration) -> Duration {
    4 * latency
}
