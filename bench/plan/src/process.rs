//! What the system says of this process. Only Linux does.

use std::{fs, time::Duration};

/// Returns the CPU time of this process so far. It has one thread.
pub fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/schedstat").expect("/proc/self/schedstat");
    let nanoseconds = stat.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("nanoseconds"))
}

/// Returns the most memory that this process had resident so far, in bytes.
pub fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.expect("kilobytes") * 1024
}
