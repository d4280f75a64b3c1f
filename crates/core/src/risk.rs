//! How risky a change is: 0–100 with named reasons.
//!
//! The sum is 30/15/7/3/1 points per critical/high/medium/low/info finding, capped at 100; floors raise it and never lower it.

use serde::{Deserialize, Serialize};

use crate::change::RepoPath;
use crate::finding::{Finding, Severity};

/// A risk score and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// 0–100.
    pub score: u32,
    /// The band the score falls in.
    pub level: Level,
    /// What raised it, largest first.
    pub reasons: Vec<Reason>,
}

/// The band a score falls in: low below 30, medium below 40, high below 70, else critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Below 30.
    Low,
    /// 30–39.
    Medium,
    /// 40–69.
    High,
    /// 70 and above.
    Critical,
}

impl Level {
    /// The band of a score.
    #[must_use]
    pub fn of(score: u32) -> Self {
        match score {
            0..30 => Self::Low,
            30..40 => Self::Medium,
            40..70 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The word used in output.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// One named reason for a score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable name, e.g. `findings.high` or `floor.workflow`.
    pub name: String,
    /// Points added, or the floor's height.
    pub points: u32,
    /// For the reader.
    pub message: String,
}

/// A floor: touching a path that matches raises the score to at least this height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Stable name, e.g. `workflow`.
    pub name: String,
    /// Least score.
    pub score: u32,
    /// The first path that matched.
    pub path: RepoPath,
}

/// Points per finding of a severity.
#[must_use]
pub fn points(severity: Severity) -> u32 {
    match severity {
        Severity::Critical => 30,
        Severity::High => 15,
        Severity::Medium => 7,
        Severity::Low => 3,
        Severity::Info => 1,
    }
}

/// Adds up findings and raises the sum to the highest floor.
#[must_use]
pub fn assess(findings: &[Finding], floors: &[Floor]) -> Risk {
    let mut reasons = Vec::new();
    let mut sum = 0_u32;
    for severity in Severity::ALL {
        let count = findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if count > 0 {
            let added = points(severity).saturating_mul(count);
            sum = sum.saturating_add(added);
            let noun = if count == 1 { "finding" } else { "findings" };
            reasons.push(Reason {
                name: format!("findings.{}", severity.word()),
                points: added,
                message: format!("{count} {} {noun}", severity.word()),
            });
        }
    }
    let mut score = sum.min(100);
    for floor in floors {
        score = score.max(floor.score.min(100));
        reasons.push(Reason {
            name: format!("floor.{}", floor.name),
            points: floor.score,
            message: format!("touches {} ({})", floor.name, floor.path),
        });
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.points));
    Risk {
        score,
        level: Level::of(score),
        reasons,
    }
}
