//! What a pool makes of children that misbehave; the children are shell scripts.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pullmill_core::change::RepoPath;
use pullmill_core::coverage::Outcome;
use pullmill_core::job::SideReport;
use tempfile::TempDir;

use super::*;

/// A folder with a script that plays the child.
struct Fake {
    folder: TempDir,
}

impl Fake {
    /// The script is run with `$D` as the folder.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("ready"),
            frame::encode(&Answer::Ready, &[]).unwrap(),
        )
        .unwrap();
        std::fs::write(
            folder.path().join("report"),
            frame::encode(
                &Answer::Report {
                    number: 0,
                    report: Box::new(report()),
                },
                &[],
            )
            .unwrap(),
        )
        .unwrap();
        let fake = Self { folder };
        fake.write_executable(script);
        fake
    }

    /// Another process writes the script: a file that a parallel test's child still holds open cannot be executed.
    fn write_executable(&self, script: &str) {
        let path = self.folder.path().join("child");
        let mut install = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut text = b"#!/bin/sh\nD=".to_vec();
        text.extend(self.folder.path().as_os_str().as_bytes());
        text.extend(b"\nPATH=/usr/bin:/bin\n");
        text.extend(script.as_bytes());
        install.stdin.take().unwrap().write_all(&text).unwrap();
        assert!(install.wait().unwrap().success());
    }

    fn pool(&self) -> ChildAnalyzer {
        self.pool_with(|_| {})
    }

    fn pool_with(&self, change: impl FnOnce(&mut Limits)) -> ChildAnalyzer {
        let mut limits = Limits {
            children: 2,
            per_job: Duration::from_secs(5),
            ..Limits::default()
        };
        change(&mut limits);
        let mut pool = ChildAnalyzer::new(self.folder.path().join("child"), limits);
        pool.set_up(&Setup::default()).unwrap();
        pool
    }
}

fn report() -> JobReport {
    JobReport {
        base: None,
        head: Some(SideReport {
            outcome: Outcome::Assessed {
                language: "python".to_owned(),
            },
            is_searched: true,
            findings: Vec::new(),
            suppressed: Vec::new(),
            symbols: Vec::new(),
            tests: Vec::new(),
            names: Vec::new(),
            imports: Vec::new(),
            dependencies: Vec::new(),
            ignores: Vec::new(),
            syntax_errors: 0,
        }),
    }
}

fn job(text: &[u8]) -> Job {
    Job {
        path: RepoPath::from("a.py"),
        old_path: None,
        base: None,
        head: Some(Arc::from(text)),
        search_base: false,
    }
}

fn one(pool: &ChildAnalyzer) -> Result<JobReport, Stopped> {
    let mut reports = pool.analyse(vec![job(b"x = 1\n")], &|_, _| {});
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

#[test]
fn an_answer_is_handed_back() {
    let fake = Fake::new("cat $D/ready $D/report; cat >/dev/null");
    assert_eq!(one(&fake.pool()), Ok(report()));
}

#[test]
fn a_child_that_ends_costs_its_job() {
    let fake = Fake::new("cat $D/ready; exit 3");
    let Err(Stopped::Crashed(reason)) = one(&fake.pool()) else {
        panic!("no crash");
    };
    assert_eq!(reason, "it ended with status 3");
}

#[test]
fn a_child_that_aborts_costs_its_job() {
    let fake = Fake::new("cat $D/ready; ulimit -c 0; kill -ABRT $$");
    assert!(
        matches!(one(&fake.pool()), Err(Stopped::Crashed(reason)) if reason.contains("aborted"))
    );
    let fake = Fake::new("cat $D/ready; ulimit -c 0; kill -XCPU $$");
    assert_eq!(one(&fake.pool()), Err(Stopped::TimedOut(5)));
}

#[test]
fn a_child_that_hangs_is_ended_in_time() {
    let fake = Fake::new("cat $D/ready; echo $$ >$D/pid; exec sleep 1000");
    let pool = fake.pool_with(|limits| limits.per_job = Duration::from_secs(1));
    let started = Instant::now();
    assert_eq!(one(&pool), Err(Stopped::TimedOut(1)));
    assert!(started.elapsed() < Duration::from_secs(4));
    let pid = std::fs::read_to_string(fake.folder.path().join("pid")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}

#[test]
fn a_child_that_talks_nonsense_costs_its_job() {
    for (script, hint) in [
        ("cat $D/ready; head -c 100000 /dev/zero; cat", "unusable"),
        (
            "cat $D/ready; head -c 100 /dev/zero | tr '\\0' '\\377'; cat",
            "blobs was announced",
        ),
        (
            "cat $D/ready; printf '\\377\\377\\377\\377\\0\\0\\0\\0'; cat",
            "was announced",
        ),
        ("cat $D/ready $D/ready; cat >/dev/null", "not asked"),
    ] {
        let fake = Fake::new(script);
        let stopped = one(&fake.pool()).unwrap_err();
        assert!(stopped.to_string().contains(hint), "{script}: {stopped}");
    }
}

#[test]
fn an_endless_answer_is_bounded() {
    let fake = Fake::new("cat $D/ready; printf '\\0\\0\\0\\100\\0\\0\\0\\0'; cat /dev/zero");
    let pool = fake.pool_with(|limits| limits.answer_bytes = 1 << 20);
    assert!(matches!(one(&pool), Err(Stopped::Nonsense(_))));
}

#[test]
fn a_flood_of_messages_does_no_harm() {
    let fake = Fake::new("head -c 10000000 /dev/zero >&2; cat $D/ready $D/report; cat >/dev/null");
    assert_eq!(one(&fake.pool()), Ok(report()));
}

#[test]
fn a_job_larger_than_the_pipe_meets_a_child_that_never_reads() {
    let fake = Fake::new("cat $D/ready $D/report; exec sleep 1000");
    let reports = fake
        .pool()
        .analyse(vec![job(&vec![b'x'; 4 << 20])], &|_, _| {});
    assert_eq!(reports, vec![Ok(report())]);
}

#[test]
fn a_refusal_is_kept_and_no_more_children_are_started() {
    let fake = Fake::new("echo x >>$D/starts; cat $D/refused; cat >/dev/null");
    let refused = Answer::Refused(vec!["a.yml: no id".to_owned()]);
    std::fs::write(
        fake.folder.path().join("refused"),
        frame::encode(&refused, &[]).unwrap(),
    )
    .unwrap();
    let pool = fake.pool_with(|limits| limits.children = 1);
    let reports = pool.analyse(vec![job(b""); 50], &|_, _| {});
    let refusal = Stopped::Refused(vec!["a.yml: no id".to_owned()]);
    assert_eq!(reports, vec![Err(refusal.clone()); 50]);
    assert_eq!(pool.refusal(), Some(refusal));
    let starts = std::fs::read_to_string(fake.folder.path().join("starts")).unwrap();
    assert_eq!(starts.lines().count(), 1);
}

#[test]
fn a_missing_executable_is_said() {
    let mut pool = ChildAnalyzer::new(PathBuf::from("/nowhere/pullmill"), Limits::default());
    pool.set_up(&Setup::default()).unwrap();
    pool.warm(2);
    assert!(matches!(one(&pool), Err(Stopped::NotStarted(_))));
}

#[test]
fn a_crash_is_tried_again_only_if_the_child_was_used_before() {
    // Every child answers two jobs and dies at the third.
    let fake = Fake::new(
        "echo x >>$D/starts; cat $D/ready; head -c 100 >/dev/null; sleep 0.05; cat $D/report; exit 9",
    );
    let pool = fake.pool_with(|limits| limits.children = 1);
    let reports = pool.analyse(vec![job(b"x"); 3], &|_, _| {});
    assert_eq!(reports, vec![Ok(report()); 3]);
    let starts = std::fs::read_to_string(fake.folder.path().join("starts")).unwrap();
    assert_eq!(starts.lines().count(), 3);
}

#[test]
fn an_answer_that_was_left_over_is_not_taken_for_the_next() {
    let fake = Fake::new("echo x >>$D/starts; cat $D/ready $D/report $D/report; cat >/dev/null");
    let pool = fake.pool_with(|limits| limits.children = 1);
    assert_eq!(one(&pool), Ok(report()));
    assert_eq!(one(&pool), Ok(report()));
    let starts = std::fs::read_to_string(fake.folder.path().join("starts")).unwrap();
    assert_eq!(starts.lines().count(), 2);
}

#[test]
fn reports_are_in_the_order_of_the_jobs_and_progress_counts_up() {
    let fake = Fake::new("cat $D/ready; exit 3");
    let highest = AtomicUsize::new(0);
    let reports = fake.pool().analyse(vec![job(b"x"); 5], &|done, total| {
        assert_eq!(total, 5);
        highest.fetch_max(done, Ordering::Relaxed);
    });
    assert_eq!(reports.len(), 5);
    assert_eq!(highest.into_inner(), 5);
}

#[test]
fn a_call_whose_time_is_over_starts_no_more_jobs() {
    let fake = Fake::new("cat $D/ready; exec sleep 1000");
    let pool = fake.pool_with(|limits| {
        limits.children = 1;
        limits.per_job = Duration::from_secs(1);
        limits.per_call = Duration::from_millis(500);
    });
    let reports = pool.analyse(vec![job(b"x"); 100], &|_, _| {});
    assert_eq!(reports[0], Err(Stopped::TimedOut(1)));
    assert!(
        reports[1..]
            .iter()
            .all(|report| *report == Err(Stopped::OutOfTime))
    );
}

#[test]
fn a_child_gets_no_environment_no_descriptor_and_the_root_folder() {
    let fake = Fake::new(
        "tr '\\0' '\\n' </proc/self/environ >$D/env; ls /proc/$$/fd >$D/fds; pwd >$D/pwd; cat $D/ready $D/report; cat >/dev/null",
    );
    let _leak = std::fs::File::open("/dev/null").unwrap();
    one(&fake.pool()).unwrap();
    let read = |name: &str| std::fs::read_to_string(fake.folder.path().join(name)).unwrap();
    // A shell adds some variables of its own to what it was given.
    for line in read("env").lines() {
        let name = line.split('=').next().unwrap_or_default();
        assert!(
            ["PATH", "PWD", "SHLVL", "_", "OLDPWD", ""].contains(&name),
            "{line}"
        );
    }
    assert_eq!(read("pwd").trim(), "/");
    // The shell holds its script open on a number of ten or more.
    let small = read("fds").lines().filter(|fd| fd.len() == 1).count();
    assert_eq!(small, 3, "{}", read("fds"));
}

#[test]
fn work_that_nobody_wants_any_more_ends_at_once() {
    let fake = Fake::new("cat $D/ready; exec sleep 60");
    let pool = fake.pool();
    let started = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.analyse(vec![job(b"x"); 3], &|_, _| {}));
        pool.stop();
        let reports = waiting.join().unwrap();
        assert_eq!(reports, vec![Err(Stopped::Cancelled); 3]);
    });
    assert!(started.elapsed() < Limits::default().per_job);
}
