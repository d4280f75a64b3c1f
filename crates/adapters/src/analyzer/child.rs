//! Runs the analysis in child processes with limits; a child that dies costs its file, nothing else.

pub mod frame;
pub mod message;
mod process;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pullmill_core::job::{Job, JobReport, Setup};

use message::{Answer, Request};
use process::Process;

/// What children may use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most children at a time.
    pub children: usize,
    /// Time for one job, and for the setup.
    pub per_job: Duration,
    /// Time for all jobs of one call, besides what their size earns.
    pub per_call: Duration,
    /// Bytes of text that earn a call one more second: far below what honest text needs.
    pub bytes_per_second: u64,
    /// Largest answer.
    pub answer_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            children: std::thread::available_parallelism().map_or(1, usize::from),
            per_job: Duration::from_secs(10),
            per_call: Duration::from_secs(60),
            bytes_per_second: 50_000,
            answer_bytes: 64 << 20,
        }
    }
}

/// Why a job has no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// No answer in time, by the wall clock or by the processor's.
    #[error("it took longer than {0} s")]
    TimedOut(u64),
    /// The child ended.
    #[error("{0}")]
    Crashed(String),
    /// The child said something that is no answer.
    #[error("its answer was unusable: {0}")]
    Nonsense(String),
    /// The child does not accept its setup, or cannot limit itself.
    #[error("the analysis did not start: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// There is no child.
    #[error("the analysis could not be started: {0}")]
    NotStarted(String),
    /// The other files of the call used up the time.
    #[error("no time was left for it")]
    OutOfTime,
    /// Nobody wants the answer any more.
    #[error("it was cancelled")]
    Cancelled,
}

impl Stopped {
    /// Whether the job alone may not be to blame, as earlier jobs left their mark on the child.
    fn may_be_inherited(&self) -> bool {
        matches!(self, Self::Crashed(_) | Self::Nonsense(_))
    }
}

/// A pool of analysis children, kept warm between calls.
#[derive(Debug)]
pub struct ChildAnalyzer {
    executable: PathBuf,
    limits: Limits,
    setup: Option<Vec<u8>>,
    idle: Mutex<Vec<Process>>,
    /// Why no child works; asked once, true for all.
    refusal: Mutex<Option<Stopped>>,
    is_stopped: AtomicBool,
}

impl ChildAnalyzer {
    /// A pool without children yet. `executable` answers to `__analyse`.
    ///
    /// Descriptors that this process inherited are kept from every process it starts from now on.
    #[must_use]
    pub fn new(executable: PathBuf, limits: Limits) -> Self {
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        Self {
            executable,
            limits,
            setup: None,
            idle: Mutex::default(),
            refusal: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Ends the work of all calls, now and for good: jobs that are not done are cancelled within a tenth of a second.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
    }

    /// Starts children until `count` are there, at most as many as the limits allow; returns at once.
    pub fn warm(&self, count: usize) {
        let mut idle = lock(&self.idle);
        while idle.len() < count.min(self.limits.children) {
            // If it cannot be started, the first job will say so.
            let Ok(child) = Process::start(&self.executable, self.limits.answer_bytes) else {
                return;
            };
            idle.push(child);
        }
    }

    /// Says which rules apply, and has the children that are there prepare for them. Children with another setup are ended.
    pub fn set_up(&mut self, setup: &Setup) -> Result<(), Stopped> {
        let request = frame::encode(&Request::SetUp(setup.clone()), &[]).map_err(nonsense)?;
        let mut idle = lock(&self.idle);
        idle.retain(|child| !child.is_set_up);
        for child in idle.iter_mut() {
            child.send(request.clone());
            child.is_set_up = true;
        }
        drop(idle);
        *lock(&self.refusal) = None;
        self.setup = Some(request);
        Ok(())
    }

    /// What the children have against their setup, if a call since [`Self::set_up`] met it.
    #[must_use]
    pub fn refusal(&self) -> Option<Stopped> {
        lock(&self.refusal).clone()
    }

    /// Analyses jobs and returns their reports in the same order. `progress` hears how many of how many are done.
    ///
    /// Files of a kind go to the same child where they can, because preparing a language's rules takes a child longer
    /// than reviewing a few files.
    pub fn analyse(
        &self,
        jobs: Vec<Job>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Vec<Result<JobReport, Stopped>> {
        let total = jobs.len();
        let mut jobs: VecDeque<(usize, Job)> = jobs.into_iter().enumerate().collect();
        jobs.make_contiguous()
            .sort_by_cached_key(|(_, job)| job.path.extension());
        let next = |end| match end {
            End::Front => jobs.pop_front(),
            End::Back => jobs.pop_back(),
        };
        self.run(next, total, progress)
    }

    /// Like [`Self::analyse`], with jobs that are made only when a child is free for them.
    pub fn analyse_each(
        &self,
        jobs: impl Iterator<Item = Job> + Send,
        total: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Vec<Result<JobReport, Stopped>> {
        let mut jobs = jobs.enumerate();
        self.run(|_| jobs.next(), total, progress)
    }

    fn run(
        &self,
        next: impl FnMut(End) -> Option<(usize, Job)> + Send,
        total: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Vec<Result<JobReport, Stopped>> {
        let call = Call {
            source: Mutex::new(Source { next, bytes: 0 }),
            reports: Mutex::default(),
            done: AtomicUsize::new(0),
            started: Instant::now(),
            total,
            progress,
        };
        let workers = self.limits.children.min(total).max(1);
        std::thread::scope(|scope| {
            for worker in 1..workers {
                let call = &call;
                scope.spawn(move || self.work(call, End::of(worker)));
            }
            self.work(&call, End::Front);
        });
        let reports = call.reports.into_inner();
        reports
            .unwrap_or_else(PoisonError::into_inner)
            .into_values()
            .collect()
    }

    /// Does jobs until there are no more.
    fn work<N: FnMut(End) -> Option<(usize, Job)>>(&self, call: &Call<'_, N>, end: End) {
        let mut child = None;
        while let Some((index, job, is_late)) = call.next_job(end, &self.limits) {
            let report = if self.is_stopped.load(Ordering::Acquire) {
                Err(Stopped::Cancelled)
            } else if is_late {
                Err(Stopped::OutOfTime)
            } else {
                self.settle(&mut child, &job)
            };
            drop(job);
            lock(&call.reports).insert(index, report);
            let done = call.done.fetch_add(1, Ordering::Relaxed) + 1;
            (call.progress)(done, call.total.max(done));
        }
        lock(&self.idle).extend(child);
    }

    /// Does one job. A crash of a child that had done others before is tried again on a fresh one, so that
    /// the outcome does not depend on which jobs a child happened to get.
    fn settle(&self, child: &mut Option<Process>, job: &Job) -> Result<JobReport, Stopped> {
        loop {
            let (result, was_fresh) = self.attempt(child, job);
            match result {
                Err(stopped) if stopped.may_be_inherited() && !was_fresh => {}
                result => return result,
            }
        }
    }

    /// Asks a child, which is kept only if it answered; also says whether the child was fresh.
    fn attempt(&self, slot: &mut Option<Process>, job: &Job) -> (Result<JobReport, Stopped>, bool) {
        let mut child = match slot.take().map_or_else(|| self.ready_child(), Ok) {
            Ok(child) => child,
            Err(stopped) => return (Err(stopped), true),
        };
        let was_fresh = child.jobs == 0;
        let result = ask(&mut child, job, self.limits.per_job, &self.is_stopped);
        if result.is_ok() {
            child.jobs = child.jobs.saturating_add(1);
            *slot = Some(child);
        }
        (result, was_fresh)
    }

    /// A child that accepted its setup: an idle one or a new one.
    fn ready_child(&self) -> Result<Process, Stopped> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let idle = lock(&self.idle).pop();
        self.prepare(idle).inspect_err(|stopped| {
            *lock(&self.refusal) = Some(stopped.clone());
        })
    }

    fn prepare(&self, idle: Option<Process>) -> Result<Process, Stopped> {
        let mut child = match idle {
            Some(child) => child,
            None => Process::start(&self.executable, self.limits.answer_bytes)
                .map_err(|error| Stopped::NotStarted(error.to_string()))?,
        };
        if !child.is_set_up {
            let setup = self.setup.clone();
            child.send(setup.ok_or_else(|| Stopped::NotStarted("no setup was given".to_owned()))?);
            child.is_set_up = true;
        }
        if !child.is_ready {
            let frame = child.receive(self.limits.per_job, &self.is_stopped)?;
            match frame.parse().map_err(nonsense)? {
                Answer::Ready => child.is_ready = true,
                Answer::Refused(problems) => return Err(Stopped::Refused(problems)),
                Answer::Report { .. } => return Err(unexpected()),
            }
        }
        Ok(child)
    }

    /// Where the executable is.
    #[must_use]
    pub fn executable(&self) -> &Path {
        &self.executable
    }
}

impl Drop for ChildAnalyzer {
    fn drop(&mut self) {
        // All are told to end before any is waited for.
        for child in lock(&self.idle).iter_mut() {
            child.kill();
        }
    }
}

/// What the workers of one call share.
struct Call<'a, N> {
    source: Mutex<Source<N>>,
    reports: Mutex<BTreeMap<usize, Result<JobReport, Stopped>>>,
    done: AtomicUsize,
    started: Instant,
    total: usize,
    progress: &'a (dyn Fn(usize, usize) + Sync),
}

struct Source<N> {
    next: N,
    bytes: u64,
}

/// Which end of a list of jobs a worker takes from.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl End {
    fn of(worker: usize) -> Self {
        if worker.is_multiple_of(2) {
            Self::Front
        } else {
            Self::Back
        }
    }
}

impl<N: FnMut(End) -> Option<(usize, Job)>> Call<'_, N> {
    /// The next job, its place, and whether the time for all jobs is over.
    fn next_job(&self, end: End, limits: &Limits) -> Option<(usize, Job, bool)> {
        let mut source = lock(&self.source);
        let (index, job) = (source.next)(end)?;
        let texts = [&job.base, &job.head].into_iter().flatten();
        source.bytes += texts.map(|text| text.len() as u64).sum::<u64>();
        let earned = Duration::from_secs(source.bytes / limits.bytes_per_second.max(1));
        let is_late = self.started.elapsed() > limits.per_call + earned;
        Some((index, job, is_late))
    }
}

fn ask(
    child: &mut Process,
    job: &Job,
    limit: Duration,
    is_stopped: &AtomicBool,
) -> Result<JobReport, Stopped> {
    let asked = child.jobs;
    child.send(message::encode_job(asked, job).map_err(nonsense)?);
    match child
        .receive(limit, is_stopped)?
        .parse()
        .map_err(nonsense)?
    {
        Answer::Report { number, report } if number == asked => Ok(*report),
        _ => Err(unexpected()),
    }
}

fn nonsense(error: frame::FrameError) -> Stopped {
    Stopped::Nonsense(error.to_string())
}

fn unexpected() -> Stopped {
    Stopped::Nonsense("it answered something that was not asked".to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
