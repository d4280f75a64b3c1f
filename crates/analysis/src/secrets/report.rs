//! What the secret rules say of themselves, and what a fingerprint may know of a secret.

use std::sync::Arc;

use pullmill_core::finding::{Agent, Confidence, Severity};
use sha2::{Digest, Sha256};

use super::judge::Promise;
use super::provider::PROVIDERS;
use crate::rule::RuleMeta;

/// The rules that follow those of the providers: id, severity, confidence, weaknesses, message.
const OTHERS: [(&str, Severity, Confidence, &[u32], &str); 8] = [
    (
        "private-key",
        Severity::Critical,
        Confidence::High,
        &[798, 321],
        "A {name} stands in the repository",
    ),
    (
        "connection-string",
        Severity::High,
        Confidence::High,
        &[798, 259],
        "A password stands in a connection string (`{name}`)",
    ),
    (
        "url-credentials",
        Severity::High,
        Confidence::Medium,
        &[798, 522],
        "A password stands in a URL (`{name}`)",
    ),
    (
        "authorization-header",
        Severity::High,
        Confidence::Medium,
        &[798],
        "Credentials for `{name}` authentication stand in the code",
    ),
    (
        "password",
        Severity::High,
        Confidence::Medium,
        &[798, 259],
        "`{name}` is a password written out",
    ),
    (
        "signing-key",
        Severity::High,
        Confidence::Medium,
        &[798, 321],
        "`{name}` is a key written out",
    ),
    (
        "generic-secret",
        Severity::High,
        Confidence::Medium,
        &[798],
        "`{name}` is a secret written out",
    ),
    (
        "aws-secret-key",
        Severity::Critical,
        Confidence::High,
        &[798],
        "`{name}` is an AWS secret access key",
    ),
];

const WHY: &str = "Everyone who can read the repository, now or later, in a fork or in a backup, can use it. Removing the line does not take it back.";
const FIX: &str = "Revoke it and make a new one. Read it from the environment or a secret store, and keep only its name in the code.";

pub(super) fn private_key() -> usize {
    PROVIDERS.len()
}

pub(super) fn connection() -> usize {
    PROVIDERS.len() + 1
}

pub(super) fn url() -> usize {
    PROVIDERS.len() + 2
}

pub(super) fn header() -> usize {
    PROVIDERS.len() + 3
}

/// The rule for a name that was given a literal.
pub(super) fn named(promise: Promise, words: &[String], value: &str) -> usize {
    let is_aws = value.len() == 40
        && words.iter().any(|word| word == "secret")
        && (words.iter().any(|word| word == "aws") || words.iter().any(|word| word == "access"));
    let offset = match promise {
        _ if is_aws => 7,
        Promise::Password => 4,
        Promise::SigningKey => 5,
        Promise::Secret | Promise::Token => 6,
    };
    PROVIDERS.len() + offset
}

/// Every rule, each with its lesser form for tests and locked keys.
pub(super) fn rules() -> Vec<[Arc<RuleMeta>; 2]> {
    let providers = PROVIDERS.iter().map(|provider| {
        rule(
            provider.id,
            provider.severity,
            Confidence::High,
            &[798],
            "A {name} stands in the repository",
        )
    });
    let others = OTHERS
        .iter()
        .map(|(id, severity, confidence, cwe, message)| {
            rule(id, *severity, *confidence, cwe, message)
        });
    providers
        .chain(others)
        .map(|rule| {
            let minor = RuleMeta {
                severity: Severity::Low,
                ..rule.clone()
            };
            [Arc::new(rule), Arc::new(minor)]
        })
        .collect()
}

fn rule(
    id: &str,
    severity: Severity,
    confidence: Confidence,
    cwe: &[u32],
    message: &str,
) -> RuleMeta {
    RuleMeta {
        id: format!("secrets.{id}"),
        agent: Agent::Security,
        severity,
        confidence,
        category: "secrets".to_owned(),
        cwe: cwe.to_vec(),
        owasp: Some("A07".to_owned()),
        message: message.to_owned(),
        why: WHY.to_owned(),
        fix: FIX.to_owned(),
        suggest: Vec::new(),
    }
}

/// What stands for a secret in a fingerprint.
///
/// Of what a person may have chosen only 16 bits of a hash are kept: enough to tell two apart, too little to guess it.
pub(super) fn code(rule: &str, name: &str, secret: &str, is_generic: bool) -> String {
    let mut hash = Sha256::new();
    hash.update("pullmill secret\0");
    hash.update(rule);
    hash.update([0]);
    hash.update(secret);
    let kept = if is_generic { 2 } else { 12 };
    let digest = hash.finalize();
    let hex: String = digest
        .iter()
        .take(kept)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{rule} {name} {hex}")
}
