//! Token formats of providers, as data: what a token begins with and how it goes on.

use std::ops::Range;
use std::sync::OnceLock;

use pullmill_core::finding::Severity;
use regex::bytes::Regex;

use super::place::Place;
use super::{Found, judge};

/// Longest token that is read.
const MAX_TOKEN: usize = 2048;

/// A provider's token format.
pub(super) struct Provider {
    /// The rule's id behind `secrets.`.
    pub(super) id: &'static str,
    /// What the message calls it.
    pub(super) kind: &'static str,
    /// Where to look.
    pub(super) prefixes: &'static [&'static str],
    /// What follows a prefix.
    rest: &'static str,
    /// How bad it is outside tests.
    pub(super) severity: Severity,
}

const fn token(
    id: &'static str,
    kind: &'static str,
    prefixes: &'static [&'static str],
    rest: &'static str,
) -> Provider {
    Provider {
        id,
        kind,
        prefixes,
        rest,
        severity: Severity::High,
    }
}

const fn lesser(
    id: &'static str,
    kind: &'static str,
    prefixes: &'static [&'static str],
    rest: &'static str,
) -> Provider {
    Provider {
        severity: Severity::Medium,
        ..token(id, kind, prefixes, rest)
    }
}

/// Every format that is known.
pub(super) const PROVIDERS: &[Provider] = &[
    token(
        "github-token",
        "GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        "[A-Za-z0-9]{36,251}",
    ),
    token(
        "github-fine-grained-token",
        "GitHub fine-grained token",
        &["github_pat_"],
        "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    ),
    token(
        "gitlab-token",
        "GitLab token",
        &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glsoat-", "glft-", "glagent-",
        ],
        "[A-Za-z0-9_-]{20,300}",
    ),
    token(
        "gitlab-trigger-token",
        "GitLab trigger token",
        &["glptt-"],
        "[0-9a-f]{40}",
    ),
    token(
        "aws-access-key",
        "AWS access key id",
        &["AKIA", "ASIA"],
        "[A-Z2-7]{16}",
    ),
    lesser(
        "google-api-key",
        "Google API key",
        &["AIza"],
        "[A-Za-z0-9_-]{35}",
    ),
    token(
        "google-oauth-secret",
        "Google OAuth client secret",
        &["GOCSPX-"],
        "[A-Za-z0-9_-]{28}",
    ),
    lesser(
        "google-access-token",
        "Google access token",
        &["ya29."],
        "[A-Za-z0-9_-]{30,400}",
    ),
    token(
        "slack-token",
        "Slack token",
        &[
            "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.xox", "xapp-",
        ],
        "[A-Za-z0-9.-]{24,250}",
    ),
    token(
        "slack-webhook",
        "Slack webhook",
        &["hooks.slack.com/services/"],
        "T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{20,28}",
    ),
    token(
        "discord-webhook",
        "Discord webhook",
        &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        "[0-9]{17,20}/[A-Za-z0-9_-]{60,80}",
    ),
    token(
        "stripe-key",
        "Stripe live key",
        &["sk_live_", "rk_live_"],
        "[A-Za-z0-9]{20,250}",
    ),
    lesser(
        "stripe-webhook-secret",
        "Stripe webhook secret",
        &["whsec_"],
        "[A-Za-z0-9+/]{32,64}",
    ),
    token(
        "sendgrid-key",
        "SendGrid key",
        &["SG."],
        "[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}",
    ),
    token("npm-token", "npm token", &["npm_"], "[A-Za-z0-9]{36}"),
    token(
        "pypi-token",
        "PyPI token",
        &["pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"],
        "[A-Za-z0-9_-]{50,400}",
    ),
    token(
        "docker-token",
        "Docker Hub token",
        &["dckr_pat_"],
        "[A-Za-z0-9_-]{27,40}",
    ),
    token(
        "rubygems-key",
        "RubyGems key",
        &["rubygems_"],
        "[0-9a-f]{48}",
    ),
    token(
        "openai-key",
        "OpenAI key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        "[A-Za-z0-9_-]{40,250}",
    ),
    token(
        "anthropic-key",
        "Anthropic key",
        &["sk-ant-"],
        "[a-z]{3,5}[0-9]{2}-[A-Za-z0-9_-]{60,120}",
    ),
    token(
        "openrouter-key",
        "OpenRouter key",
        &["sk-or-v1-"],
        "[0-9a-f]{64}",
    ),
    token(
        "hugging-face-token",
        "Hugging Face token",
        &["hf_"],
        "[A-Za-z]{34}",
    ),
    token("groq-key", "Groq key", &["gsk_"], "[A-Za-z0-9]{52}"),
    token(
        "replicate-token",
        "Replicate token",
        &["r8_"],
        "[A-Za-z0-9]{37}",
    ),
    token(
        "digitalocean-token",
        "DigitalOcean token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        "[0-9a-f]{64}",
    ),
    token(
        "azure-storage-key",
        "Azure storage account key",
        &["AccountKey=", "SharedAccessKey="],
        "[A-Za-z0-9+/]{42,86}={1,2}",
    ),
    token(
        "databricks-token",
        "Databricks token",
        &["dapi"],
        "[0-9a-f]{32}(?:-[0-9])?",
    ),
    token(
        "shopify-token",
        "Shopify token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        "[0-9a-fA-F]{32}",
    ),
    token(
        "square-token",
        "Square token",
        &["sq0atp-", "sq0csp-"],
        "[A-Za-z0-9_-]{22,43}",
    ),
    token("mailgun-key", "Mailgun key", &["key-"], "[0-9a-f]{32}"),
    lesser("linear-key", "Linear key", &["lin_api_"], "[A-Za-z0-9]{40}"),
    token(
        "vault-token",
        "Vault token",
        &["hvs.", "hvb."],
        "[A-Za-z0-9_-]{90,300}",
    ),
    token(
        "terraform-cloud-token",
        "Terraform Cloud token",
        &[".atlasv1."],
        "[A-Za-z0-9_-]{60,80}",
    ),
    token(
        "age-key",
        "age private key",
        &["AGE-SECRET-KEY-1"],
        "[02-9AC-HJ-NP-Z]{58}",
    ),
    token(
        "atlassian-token",
        "Atlassian token",
        &["ATATT3xFfGF0"],
        "[A-Za-z0-9_=-]{150,250}",
    ),
    token(
        "grafana-token",
        "Grafana token",
        &["glsa_"],
        "[A-Za-z0-9]{32}_[0-9a-fA-F]{8}",
    ),
    token("new-relic-key", "New Relic key", &["NRAK-"], "[A-Z0-9]{27}"),
    token(
        "postman-key",
        "Postman key",
        &["PMAK-"],
        "[0-9a-f]{24}-[0-9a-f]{34}",
    ),
    token(
        "planetscale-token",
        "PlanetScale token",
        &["pscale_tkn_", "pscale_pw_"],
        "[A-Za-z0-9_.=-]{32,64}",
    ),
    token(
        "doppler-token",
        "Doppler token",
        &["dp.pt.", "dp.st."],
        "[A-Za-z0-9.]{40,60}",
    ),
    token(
        "figma-token",
        "Figma token",
        &["figd_"],
        "[A-Za-z0-9_-]{38,60}",
    ),
    token(
        "sentry-token",
        "Sentry token",
        &["sntrys_"],
        "[A-Za-z0-9+/=_-]{60,400}",
    ),
    lesser(
        "jwt",
        "signed JSON Web Token",
        &["eyJ"],
        "[A-Za-z0-9_-]{12,}\\.eyJ[A-Za-z0-9_-]{12,}\\.[A-Za-z0-9_-]{20,}",
    ),
    token(
        "telegram-token",
        "Telegram bot token",
        &[":AA"],
        "[A-Za-z0-9_-]{33}",
    ),
    token(
        "openai-legacy-key",
        "OpenAI key",
        &["T3BlbkFJ"],
        "[A-Za-z0-9]{20}",
    ),
];

/// Reads the token that begins at a prefix, if its shape, its surroundings and its randomness fit.
pub(super) fn find(
    index: usize,
    shape: &OnceLock<Option<Regex>>,
    text: &str,
    at: Range<usize>,
    place: Place,
) -> Option<Found> {
    let provider = &PROVIDERS[index];
    let written = &text[at.clone()];
    if !provider.prefixes.contains(&written) {
        return None;
    }
    let bytes = text.as_bytes();
    let window = &bytes[at.end..bytes.len().min(at.end + MAX_TOKEN)];
    let regex = shape
        .get_or_init(|| Regex::new(&format!("^(?:{})", provider.rest)).ok())
        .as_ref()?;
    let end = at.end + regex.find(window)?.end();
    let start = beginning(provider, bytes, at.start)?;
    let goes_on = bytes
        .get(end)
        .is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'_');
    if goes_on || judge::is_dull(&text[at.end..end]) || is_public(provider, text, start..end) {
        return None;
    }
    if place.is_test && provider.id == "jwt" {
        return None;
    }
    Some(Found {
        rule: index,
        shown: start..end,
        secret: start..end,
        name: provider.kind.to_owned(),
        is_generic: false,
        is_minor: place.is_test,
    })
}

/// Where the token begins: at its prefix, or before it for formats whose mark stands in the middle.
fn beginning(provider: &Provider, bytes: &[u8], at: usize) -> Option<usize> {
    let lead = |accepts: fn(u8) -> bool| {
        bytes[..at]
            .iter()
            .rev()
            .take(80)
            .take_while(|byte| accepts(**byte))
            .count()
    };
    match provider.id {
        "telegram-token" => {
            let digits = lead(|byte| byte.is_ascii_digit());
            (8..=10).contains(&digits).then(|| at - digits)
        }
        "terraform-cloud-token" => {
            let length = lead(|byte| byte.is_ascii_alphanumeric());
            (length == 14).then(|| at - length)
        }
        "openai-legacy-key" => {
            let length = lead(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let start = at - length;
            bytes[start..].starts_with(b"sk-").then_some(start)
        }
        "slack-webhook" | "discord-webhook" | "azure-storage-key" => Some(at),
        _ => {
            let is_inside =
                at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || b"_-".contains(&bytes[at - 1]));
            (!is_inside).then_some(at)
        }
    }
}

/// Keys that are meant to be seen, or that everybody knows.
fn is_public(provider: &Provider, text: &str, range: Range<usize>) -> bool {
    let token = &text[range.clone()];
    match provider.id {
        // A browser's Firebase settings carry their key in the open, next to the names of the project.
        "google-api-key" => {
            let around = around(text, range, 400).to_ascii_lowercase();
            ["authdomain", "firebase", "maps.googleapis.com/maps/api/js"]
                .iter()
                .any(|mark| around.contains(mark))
        }
        // The well-known specimen: `{"sub":"1234567890"…` as payload.
        "jwt" => token.contains("eyJzdWIiOiIxMjM0NTY3ODkwI"),
        // The storage emulator's account key is documented and the same for everyone.
        "azure-storage-key" => token.contains("Eby8vdM02xNOcqFl"),
        _ => false,
    }
}

/// Text near a place, cut at character boundaries.
pub(super) fn around(text: &str, range: Range<usize>, reach: usize) -> &str {
    let mut start = range.start.saturating_sub(reach);
    let mut end = (range.end + reach).min(text.len());
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(start..end).unwrap_or_default()
}
