//! One reviewer for every command: holds the analysis children and the settings, and turns changes and trees into reviews.

pub mod around;
pub mod content;
mod documents;
mod moved;
mod nearby;
mod other_tools;
mod plan;
pub mod redact;
pub mod settings;
pub mod submitted;
pub mod tree;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

use pullmill_adapters::analyzer::child::{ChildAnalyzer, Limits, Stopped};
use pullmill_adapters::git::{self, GitError};
use pullmill_core::assemble::{self, Analyses, Analysis, Assessed};
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::coverage::SkipReason;
use pullmill_core::finding::Finding;
use pullmill_core::job::{Job, JobReport};
use pullmill_core::policy;
use pullmill_core::review::Review;

use crate::cli::{Failure, Status};
use crate::progress::Progress;
use around::{Around, Surroundings};
use nearby::Copies;
use plan::Plan;
use settings::Settings;
use tree::Tree;

/// Children that are started before anybody knows how many are needed.
const WARM: usize = 2;

/// Starts the analysis children, so that they are there when the change has been read.
pub fn start(limits: Limits) -> Result<ChildAnalyzer, Failure> {
    let executable = std::env::current_exe().map_err(|error| {
        Failure::new(
            Status::Internal,
            format_args!("the program cannot find itself: {error}"),
        )
    })?;
    let analyzer = ChildAnalyzer::new(executable, limits);
    analyzer.warm(WARM);
    Ok(analyzer)
}

/// How much of a change is read under a configuration.
#[must_use]
pub fn read_limits(configured: &policy::Limits) -> git::Limits {
    git::Limits {
        max_file_bytes: configured.max_file_bytes,
        max_line_bytes: configured.max_line_bytes,
        max_files: configured.max_files,
        ..git::Limits::default()
    }
}

/// Reviews changes and trees under one set of settings.
#[derive(Debug)]
pub struct Reviewer {
    analyzer: ChildAnalyzer,
    settings: Settings,
    judging: assemble::Settings,
    incomplete: Vec<String>,
}

impl Reviewer {
    /// Prepares the children for the settings.
    pub fn new(mut analyzer: ChildAnalyzer, settings: Settings) -> Result<Self, Failure> {
        analyzer.set_up(&settings.setup()).map_err(refused)?;
        let judging = settings.for_assembly();
        Ok(Self {
            analyzer,
            settings,
            judging,
            incomplete: Vec::new(),
        })
    }

    /// The same reviewer, whose reviews lack something.
    #[must_use]
    pub fn lacking(self, incomplete: Vec<String>) -> Self {
        Self { incomplete, ..self }
    }

    /// Says whether the children accept the rules of the repository.
    pub fn prepare(&self) -> Result<(), Failure> {
        // A file without text shows it as well as any.
        let job = Job {
            path: RepoPath::from("empty"),
            old_path: None,
            base: None,
            head: Some(std::sync::Arc::from([].as_slice())),
            search_base: false,
        };
        self.analyse(vec![job], &Progress::new(false)).map(drop)
    }

    /// Ends all reviews, now and for good.
    pub fn stop(&self) {
        self.analyzer.stop();
    }

    /// Looks at one change, and at what stands around it if that can be seen. Takes in what the reports of other tools say of it.
    pub fn look(
        &self,
        change: &Change,
        around: Option<Around<'_>>,
        reports: &[PathBuf],
        progress: &Progress,
    ) -> Result<Analyses, Failure> {
        let theirs = reports.iter().map(|path| other_tools::read(path, change));
        let theirs: Vec<Vec<Finding>> = theirs.collect::<Result<_, Failure>>()?;
        let plan = Plan::of(change, &self.settings.policy);
        let (paths, jobs): (Vec<RepoPath>, Vec<Job>) = plan.jobs.into_iter().unzip();
        let mut around =
            around.map(|around| Surroundings::new(around, change, &self.settings.policy));
        // Copies are looked for while others analyse.
        let (reports, copies) = thread::scope(|scope| {
            let around = around.as_mut();
            let copies = scope.spawn(|| around.map(|around| nearby::copies(around, change)));
            let reports = self.analyse(jobs.clone(), progress);
            (reports, copies.join())
        });
        let copies = copies.unwrap_or_else(|panic| resume_unwind(panic));
        let mut reports = reports?;
        self.search_moved(change, &jobs, &mut reports, progress)?;
        let mut analyses = self.analyses(plan.skipped, paths.into_iter().zip(reports));
        analyses.found.extend(theirs.into_iter().flatten());
        match around.as_mut().zip(copies) {
            Some((around, copies)) => compare(around, change, &mut analyses, copies),
            None => {
                let found = nearby::compare_within(change, &analyses);
                analyses.found.extend(found);
            }
        }
        Ok(analyses)
    }

    /// A change with what was found, ready to be judged.
    #[must_use]
    pub fn assessed(&self, change: Change, analyses: Analyses) -> Assessed {
        Assessed {
            change,
            analyses,
            settings: self.judging.clone(),
        }
    }

    /// Reviews many changes, with the children working on all of them at once.
    pub fn review_all(
        &self,
        changes: &[Change],
        progress: &Progress,
    ) -> Result<Vec<Review>, Failure> {
        let mut jobs = Vec::new();
        let mut plans = Vec::with_capacity(changes.len());
        for change in changes {
            let plan = Plan::of(change, &self.settings.policy);
            let (paths, asked): (Vec<RepoPath>, Vec<Job>) = plan.jobs.into_iter().unzip();
            jobs.extend(asked);
            plans.push((change, plan.skipped, paths));
        }
        let mut reports = self.analyse(jobs.clone(), progress)?.into_iter();
        let mut jobs = jobs.as_slice();
        let mut reviews = Vec::with_capacity(changes.len());
        for (change, skipped, paths) in plans {
            let mut own: Vec<_> = reports.by_ref().take(paths.len()).collect();
            let (asked, rest) = jobs.split_at(own.len());
            jobs = rest;
            self.search_moved(change, asked, &mut own, progress)?;
            let analyses = self.analyses(skipped, paths.into_iter().zip(own));
            reviews.push(self.judge(change, &analyses));
        }
        Ok(reviews)
    }

    /// Reviews a tree as it is. Texts are read when a child is free for them and forgotten at once.
    pub fn scan(&self, tree: &Tree, progress: &Progress) -> Result<Review, Failure> {
        let met = Mutex::default();
        let jobs = tree.jobs(&self.settings.policy, &met);
        let reports = self
            .analyzer
            .analyse_each(jobs, tree.len(), &|done, total| {
                progress.report(done, total)
            });
        progress.finish();
        self.check()?;
        let met: tree::Met = met.into_inner().unwrap_or_else(PoisonError::into_inner);
        let analyses = self.analyses(met.skipped, met.asked.into_iter().zip(reports));
        Ok(assemble::scan(&tree.label, &analyses, &self.judging))
    }

    /// Searches the bases that may hold what stands elsewhere at head.
    fn search_moved(
        &self,
        change: &Change,
        jobs: &[Job],
        reports: &mut [Result<JobReport, Stopped>],
        progress: &Progress,
    ) -> Result<(), Failure> {
        let (places, bases) = moved::bases(change, jobs, reports);
        if !bases.is_empty() {
            let found = self.analyse(bases, progress)?;
            moved::put_back(reports, places, found);
        }
        Ok(())
    }

    fn judge(&self, change: &Change, analyses: &Analyses) -> Review {
        assemble::review(change, analyses, &self.judging)
    }

    /// Analyses files as they are given.
    pub fn analyse(
        &self,
        jobs: Vec<Job>,
        progress: &Progress,
    ) -> Result<Vec<Result<JobReport, Stopped>>, Failure> {
        let reports = self
            .analyzer
            .analyse(jobs, &|done, total| progress.report(done, total));
        progress.finish();
        self.check()?;
        Ok(reports)
    }

    /// A rule of the repository that does not load fails everything: a review without it would pretend.
    fn check(&self) -> Result<(), Failure> {
        self.analyzer
            .refusal()
            .map_or(Ok(()), |stopped| Err(refused(stopped)))
    }

    fn analyses(
        &self,
        skipped: BTreeMap<RepoPath, Analysis>,
        reports: impl Iterator<Item = (RepoPath, Result<JobReport, Stopped>)>,
    ) -> Analyses {
        let mut files = skipped;
        files.extend(reports.map(|(path, report)| {
            let analysis = match report {
                Ok(report) => plan::settle(&path, report, &self.settings.policy),
                Err(stopped) => Analysis::Skipped {
                    reason: SkipReason::Stopped,
                    detail: stopped.to_string(),
                },
            };
            (path, analysis)
        }));
        Analyses {
            files,
            incomplete: self.incomplete.clone(),
            ..Analyses::default()
        }
    }
}

fn refused(stopped: Stopped) -> Failure {
    match stopped {
        Stopped::Refused(problems) => Failure::list(
            Status::Config,
            "the analysis does not accept the rules of the repository:",
            &problems,
        ),
        other => Failure::new(
            Status::Internal,
            format_args!("the analysis does not work: {other}"),
        ),
    }
}

/// Compares a change with what stands around it. What cannot be read there is said and fails nothing.
fn compare(
    surroundings: &mut Surroundings<'_>,
    change: &Change,
    analyses: &mut Analyses,
    copies: Result<Option<Copies>, GitError>,
) {
    let compared =
        copies.and_then(|copies| nearby::compare(surroundings, change, analyses, copies));
    match compared {
        Ok(compared) => {
            analyses.found.extend(compared.found);
            analyses.renamed.extend(compared.renamed);
            analyses.callers = compared.callers;
            if !surroundings.is_complete {
                let note = "the change was not compared with everything around it: there is too much of it";
                analyses.notes.push(note.to_owned());
            }
        }
        Err(error) => {
            let note = format!("the change was not compared with what is around it: {error}");
            analyses.notes.push(note);
        }
    }
}
