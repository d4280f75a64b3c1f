//! What the analysis child may use up. A limit that cannot be set stops the child.

use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, nice, set_dumpable_behavior, setrlimit,
};
use rustix::time::{ClockId, clock_gettime};

/// Address space, in bytes.
const MEMORY: u64 = 512 << 20;
/// Stack of the main thread, on which syntax trees are walked; it grows as needed and counts as memory.
const STACK: u64 = 64 << 20;
/// Processor time for one job, in seconds.
const PROCESSOR: u64 = 10;
/// Descriptors: the three standard streams and what the runtime opens for a moment.
const DESCRIPTORS: u64 = 16;

/// Limits this process, and makes sure that it inherited nothing.
pub fn apply() -> Result<(), Vec<String>> {
    refuse_descriptors()?;
    let limits = [
        (Resource::As, MEMORY),
        (Resource::Stack, STACK),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, DESCRIPTORS),
    ];
    for (resource, limit) in limits {
        lower(resource, limit).map_err(|error| {
            vec![format!(
                "the limit of {resource:?} was not accepted: {error}"
            )]
        })?;
    }
    grant_processor_time();
    // Being polite and being private are not worth failing for.
    let _ = nice(10);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    Ok(())
}

/// Gives the process another ten seconds of processor time from now on.
pub fn grant_processor_time() {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let soft = u64::try_from(used).unwrap_or(0) + PROCESSOR;
    let maximum = getrlimit(Resource::Cpu).maximum;
    let limit = Rlimit {
        current: Some(maximum.map_or(soft, |hard| hard.min(soft))),
        maximum,
    };
    // The reviewer's wall clock holds in any case.
    let _ = setrlimit(Resource::Cpu, limit);
}

/// Sets a soft and a hard limit, at most as high as the hard one that is there.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let hard = getrlimit(resource).maximum;
    let limit = hard.map_or(limit, |hard| hard.min(limit));
    setrlimit(
        resource,
        Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        },
    )?;
    Ok(())
}

/// Fails if anything but the standard streams is open: nothing that a caller leaked may be in reach.
fn refuse_descriptors() -> Result<(), Vec<String>> {
    // Without /proc there is nothing to look at; the reviewer closes what it hands over in any case.
    let Ok(folder) = std::fs::read_dir("/proc/self/fd") else {
        return Ok(());
    };
    let open: Vec<u32> = folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    // One of them is the folder being read.
    if open.len() > 1 {
        return Err(vec![format!(
            "it was started with open descriptors: {open:?}"
        )]);
    }
    Ok(())
}
