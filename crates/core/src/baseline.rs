//! The baseline `.pullmill/baseline.json`: findings that are known and set aside until they change. Reads no file itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::RepoPath;
use crate::finding::Finding;
use crate::review::{Suppressed, SuppressedBy};

/// Where the baseline stands in a repository.
pub const FILE_NAME: &str = ".pullmill/baseline.json";

/// Version of the file's form; grows when a field changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// The largest baseline that is read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Known findings by their fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    entries: BTreeMap<String, Entry>,
}

/// One known finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Recognises the finding.
    pub fingerprint: String,
    /// Its rule, for people.
    pub rule: String,
    /// Its file when it was recorded, for people.
    pub path: RepoPath,
    /// Its message, for people.
    pub message: String,
    /// Why it is set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a text is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// More bytes than are read.
    #[error("the baseline has {0} bytes; at most {MAX_BYTES} are read")]
    TooLarge(usize),
    /// No JSON, or JSON of another form.
    #[error("the baseline cannot be read: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Written by another version of the program.
    #[error("the baseline has schema_version {0}; this program reads {SCHEMA_VERSION}")]
    Version(u64),
    /// Two entries of one fingerprint.
    #[error("the baseline lists fingerprint {0} twice")]
    Duplicate(String),
}

impl BaselineError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "baseline.too-large",
            Self::Syntax(_) => "baseline.syntax",
            Self::Version(_) => "baseline.version",
            Self::Duplicate(_) => "baseline.duplicate",
        }
    }
}

#[derive(Deserialize)]
struct Head {
    schema_version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema_version: u32,
    findings: Vec<Entry>,
}

impl Baseline {
    /// Records findings. `reason` is kept with each that `earlier` does not know; what it knows keeps its reason.
    #[must_use]
    pub fn record(findings: &[Finding], reason: Option<&str>, earlier: &Self) -> Self {
        let entries = findings.iter().map(|finding| {
            let known = earlier.entries.get(&finding.fingerprint);
            let reason = match known {
                Some(entry) => entry.reason.clone(),
                None => reason.map(str::to_owned),
            };
            let entry = Entry {
                fingerprint: finding.fingerprint.clone(),
                rule: finding.rule.clone(),
                path: finding.location.path.clone(),
                message: finding.message.clone(),
                reason,
            };
            (entry.fingerprint.clone(), entry)
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// If the text is too large, no JSON, of another version or ambiguous.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        if text.len() > MAX_BYTES {
            return Err(BaselineError::TooLarge(text.len()));
        }
        let head: Head = serde_json::from_str(text)?;
        if head.schema_version != u64::from(SCHEMA_VERSION) {
            return Err(BaselineError::Version(head.schema_version));
        }
        let document: Document = serde_json::from_str(text)?;
        let mut entries = BTreeMap::new();
        for entry in document.findings {
            let fingerprint = entry.fingerprint.clone();
            if entries.insert(fingerprint.clone(), entry).is_some() {
                return Err(BaselineError::Duplicate(fingerprint));
            }
        }
        Ok(Self { entries })
    }

    /// The file's text: entries by path, rule and fingerprint, so that it reads and merges well.
    ///
    /// # Errors
    /// None that is known; the serialiser's type has one.
    pub fn to_json(&self) -> Result<String, BaselineError> {
        let mut findings: Vec<Entry> = self.entries.values().cloned().collect();
        findings.sort_by(|a, b| {
            (&a.path, &a.rule, &a.fingerprint).cmp(&(&b.path, &b.rule, &b.fingerprint))
        });
        let document = Document {
            schema_version: SCHEMA_VERSION,
            findings,
        };
        let mut text = serde_json::to_string_pretty(&document)?;
        text.push('\n');
        Ok(text)
    }

    /// Parts findings into open ones and those that the baseline sets aside, both in their order.
    #[must_use]
    pub fn apply(&self, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Suppressed>) {
        let mut open = Vec::new();
        let mut suppressed = Vec::new();
        for finding in findings {
            match self.entries.get(&finding.fingerprint) {
                Some(entry) => suppressed.push(set_aside(finding, entry)),
                None => open.push(finding),
            }
        }
        (open, suppressed)
    }

    /// The known findings in order of their fingerprints.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many findings are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no finding is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn set_aside(finding: Finding, entry: &Entry) -> Suppressed {
    let reason = entry.reason.clone();
    Suppressed {
        rule: finding.rule,
        location: finding.location,
        fingerprint: finding.fingerprint,
        by: SuppressedBy::Baseline,
        reason: reason.unwrap_or_else(|| "recorded in the baseline".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::finding::{Agent, Confidence, Location, Severity};

    fn finding(path: &str, fingerprint: &str) -> Finding {
        Finding {
            rule: "python.weak-hash".to_owned(),
            agent: Agent::Security,
            severity: Severity::Medium,
            confidence: Confidence::High,
            category: "crypto".to_owned(),
            cwe: vec![328],
            message: "weak".to_owned(),
            why: String::new(),
            fix: String::new(),
            location: Location {
                path: RepoPath::from(path),
                line: 1,
                column: 1,
                end_line: 1,
                end_column: 2,
            },
            comment_line: None,
            suggestion: None,
            path: Vec::new(),
            symbol: None,
            snippet: String::new(),
            fingerprint: fingerprint.to_owned(),
        }
    }

    #[test]
    fn what_is_recorded_is_set_aside_and_nothing_else() {
        let known = [finding("b.py", "2"), finding("a.py", "1")];
        let baseline = Baseline::record(&known, Some("old code"), &Baseline::default());
        let text = baseline.to_json().expect("text");
        assert_snapshot!(text, @r#"
        {
          "schema_version": 1,
          "findings": [
            {
              "fingerprint": "1",
              "rule": "python.weak-hash",
              "path": "a.py",
              "message": "weak",
              "reason": "old code"
            },
            {
              "fingerprint": "2",
              "rule": "python.weak-hash",
              "path": "b.py",
              "message": "weak",
              "reason": "old code"
            }
          ]
        }
        "#);
        let read = Baseline::parse(&text).expect("a baseline");
        assert_eq!(read, baseline);
        let (open, suppressed) = read.apply(vec![finding("moved.py", "1"), finding("a.py", "3")]);
        assert_eq!(open, [finding("a.py", "3")]);
        assert_eq!(suppressed.len(), 1);
        assert_eq!(suppressed[0].reason, "old code");
    }

    #[test]
    fn recording_again_keeps_earlier_reasons_and_forgets_what_is_gone() {
        let first = [finding("a.py", "1"), finding("a.py", "2")];
        let earlier = Baseline::record(&first, Some("first"), &Baseline::default());
        let second = [finding("a.py", "2"), finding("a.py", "3")];
        let later = Baseline::record(&second, Some("second"), &earlier);
        let reasons: Vec<_> = later
            .entries
            .values()
            .map(|entry| (entry.fingerprint.as_str(), entry.reason.as_deref()))
            .collect();
        assert_eq!(reasons, [("2", Some("first")), ("3", Some("second"))]);
    }

    #[test]
    fn what_is_no_baseline_is_refused_with_a_stable_code() {
        let code = |text: &str| Baseline::parse(text).expect_err("no baseline").code();
        assert_eq!(code("{"), "baseline.syntax");
        assert_eq!(
            code(r#"{"schema_version": 2, "later": 1}"#),
            "baseline.version"
        );
        assert_eq!(
            code(r#"{"schema_version": 1, "findings": [], "extra": 1}"#),
            "baseline.syntax"
        );
        let entry = r#"{"fingerprint":"1","rule":"r","path":"p","message":"m"}"#;
        let twice = format!(r#"{{"schema_version": 1, "findings": [{entry},{entry}]}}"#);
        assert_eq!(code(&twice), "baseline.duplicate");
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            let _ = Baseline::parse(&text);
        }
    }
}
