//! Judges whether a value is a secret at all: placeholders, references, labels and dull text are not.

/// Words that nobody puts into a real secret.
const PLACEHOLDERS: [&str; 44] = [
    "example",
    "changeme",
    "change_me",
    "change-me",
    "change-this",
    "changethis",
    "change_this",
    "changeit",
    "placeholder",
    "your",
    "xxx",
    "***",
    "...",
    "…",
    "<",
    ">",
    "${",
    "$(",
    "{{",
    "}}",
    "#{",
    "%(",
    "%s",
    "%d",
    "{0}",
    "{}",
    "redacted",
    "dummy",
    "fake",
    "sample",
    "insert",
    "todo",
    "fixme",
    "replace",
    "not-set",
    "notset",
    "not_set",
    "undefined",
    "foobar",
    "lorem",
    "mock",
    "goes-here",
    "_here",
    "-here",
];

/// Beginnings of values that point to a secret or are a one-way form of one.
const REFERENCES: [&str; 29] = [
    "$",
    "@",
    "env:",
    "env.",
    "env(",
    "vault:",
    "ssm:",
    "arn:",
    "file:",
    "enc(",
    "enc[",
    "op://",
    "kms:",
    "{cipher}",
    "secret:",
    "secrets.",
    "process.env",
    "os.environ",
    "getenv",
    "{sha",
    "{ssha",
    "{bcrypt}",
    "sha256:",
    "sha1:",
    "md5:",
    "pbkdf2",
    "argon2",
    "%",
    "test",
];

/// Values that name a kind of thing.
const WORDS: [&str; 50] = [
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "string",
    "text",
    "hidden",
    "required",
    "optional",
    "none",
    "null",
    "true",
    "false",
    "default",
    "email",
    "username",
    "user",
    "plain",
    "plaintext",
    "basic",
    "bearer",
    "oauth",
    "oauth2",
    "jwt",
    "input",
    "key",
    "value",
    "credentials",
    "credential",
    "auth",
    "authorization",
    "x-api-key",
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "auth_token",
    "base64",
    "sha256",
    "md5",
    "aes256",
    "hs256",
    "rs256",
    "es256",
    "utf8",
];

/// Passwords that people really use although they are plain words.
const WEAK: [&str; 16] = [
    "admin",
    "letmein",
    "welcome",
    "qwerty",
    "hunter",
    "tiger",
    "toor",
    "supersecret",
    "topsecret",
    "iloveyou",
    "dragon",
    "monkey",
    "sesame",
    "opensesame",
    "trustno",
    "supersecretkey",
];

/// Values that standards use in their examples.
pub(super) const SPECIMENS: [&str; 9] = [
    "czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
    "2YotnFZFEjr1zCsicMWpAA",
    "tGzv3JOkF0XG5Qx2TlKWIA",
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "QWxhZGRpbjpPcGVuU2VzYW1l",
    "dXNlcjpwYXNzd29yZA==",
    "7Fjfp0ZBr1KtDRbnfVdmIw",
    "gX1fBat3bV",
];

/// What a name promises of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// A password: people choose it, so it may be short.
    Password,
    /// A key that signs or encrypts: any literal is wrong.
    SigningKey,
    /// Some secret: it has letters and digits.
    Secret,
    /// A token or API key: machines make it, so it looks random.
    Token,
}

/// Says whether the value is a secret of that promise. `is_code`: it stands in a program rather than in settings.
pub(super) fn is_secret(value: &str, promise: Promise, is_code: bool) -> bool {
    if SPECIMENS.contains(&value) {
        return false;
    }
    if !(4..=512).contains(&value.len())
        || !value.is_ascii()
        || is_placeholder(value)
        || is_reference(value)
    {
        return false;
    }
    let is_wordy = value.split(['_', '-', '.', '/', ':']).all(is_word);
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let lower = value.to_ascii_lowercase();
    match promise {
        Promise::Password if is_wordy => is_code && WEAK.contains(&lower.as_str()),
        Promise::Password => value.len() >= 5 && !is_dull_password(value),
        Promise::SigningKey if is_wordy => is_code && is_wordy_key(value, &lower),
        Promise::SigningKey => value.len() >= 6 && letters > 0,
        Promise::Secret => {
            value.len() >= 8
                && !names_itself(&lower)
                && digits > 0
                && letters > 0
                && !is_named(value)
                && entropy(value) >= 2.7
        }
        Promise::Token => {
            value.len() >= 16
                && !names_itself(&lower)
                && digits >= 2
                && letters >= 2
                && !is_uuid(value)
                && !is_dull(value)
                && entropy(value) >= 3.2
                && !is_named(value)
        }
    }
}

/// A generated value does not happen to say what it is.
fn names_itself(lower: &str) -> bool {
    ["secret", "token", "password", "credential", "apikey"]
        .iter()
        .any(|word| lower.contains(word))
}

/// `key_2024`, `v1.tokens.read`: words with a number at an end are names.
fn is_named(value: &str) -> bool {
    value.split(['_', '-', '.', '/', ':']).all(|part| {
        is_word(part.trim_end_matches(|last: char| last.is_ascii_digit()))
            || part.bytes().all(|byte| byte.is_ascii_digit())
    }) && value.contains(['_', '-', '.', '/', ':'])
}

/// A key made of words is a key all the same, unless it is a name: `SECRET_KEY`, `secretKey`, `app.key`.
fn is_wordy_key(value: &str, lower: &str) -> bool {
    let has_both_cases = value.bytes().any(|byte| byte.is_ascii_uppercase());
    value.len() >= 8
        && !has_both_cases
        && !value.contains(['.', '/', ':', '_'])
        && !WORDS.contains(&lower)
}

fn is_dull_password(value: &str) -> bool {
    let first = value.as_bytes()[0];
    value.bytes().all(|byte| byte == first)
        || value.bytes().all(|byte| !byte.is_ascii_alphanumeric())
        || value.parse::<f64>().is_ok() && value.len() < 6
}

fn is_word(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Says whether a value stands for one that is yet to be put there, or names a kind of thing.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_held = |open: char, close: char| lower.starts_with(open) && lower.ends_with(close);
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || WORDS.contains(&lower.as_str())
        || is_held('{', '}')
        || is_held('[', ']')
        || is_held('(', ')')
        || is_held('_', '_')
}

fn is_reference(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_path = value.starts_with(['/', '~', '.', '#', '\\'])
        || value.contains("://")
        || value.contains(":\\")
        || value.contains('\\');
    let is_file = [
        ".pem", ".key", ".json", ".txt", ".yml", ".yaml", ".crt", ".cert", ".p12", ".jks", ".html",
        ".js", ".ts", ".py", ".env", ".com", ".org", ".php",
    ]
    .iter()
    .any(|end| lower.ends_with(end));
    let is_call = value.ends_with(')') && value.contains('(')
        || value.contains("->")
        || value.contains("::")
        || value.contains("/secrets/")
        || value.starts_with("projects/");
    let has_space = value.bytes().any(|byte| byte.is_ascii_whitespace());
    let is_constant = value.contains('_')
        && value
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit());
    is_path
        || is_file
        || is_call
        || has_space
        || is_constant
        || REFERENCES.iter().any(|start| lower.starts_with(start))
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Says whether a token's random part is not random: a placeholder, few letters, or the alphabet.
pub(super) fn is_dull(body: &str) -> bool {
    let bytes = body.as_bytes();
    let steps = bytes
        .windows(2)
        .filter(|pair| pair[1] == pair[0].wrapping_add(1))
        .count();
    let same = bytes.windows(2).filter(|pair| pair[1] == pair[0]).count();
    let lower = body.to_ascii_lowercase();
    let is_marked = [
        "example",
        "placeholder",
        "xxxx",
        "your",
        "dummy",
        "redacted",
        "fake",
        "....",
        "sample",
    ]
    .iter()
    .any(|word| lower.contains(word));
    is_marked || entropy(body) < 2.5 || (steps + same) * 2 > bytes.len()
}

/// Bits per byte.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)).max(1.0);
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_passwords_are_told_from_labels() {
        for value in [
            "hunter2",
            "P@ssw0rd!",
            "admin123",
            "s3cr3t-db",
            "Tr0ub4dor&3",
            "Sommer2024!",
        ] {
            assert!(is_secret(value, Promise::Password, true), "{value}");
        }
        for value in [
            "password",
            "Password",
            "changeme",
            "<password>",
            "new-password",
            "user_password",
            "${DB_PASSWORD}",
            "auth.password.label",
            "Enter your password",
            "DB_PASSWORD",
            "********",
            "xxxxxxxx",
            "$2b$12$abc",
            "/run/secrets/db",
            "getenv('X')",
            "admin",
        ] {
            assert!(!is_secret(value, Promise::Password, false), "{value}");
        }
    }

    #[test]
    fn tokens_must_look_random() {
        let random = ["9f8Kq2", "LmZx7", "RtWv4Yb1", "NcDe"].concat();
        assert!(is_secret(&random, Promise::Token, false));
        for value in [
            "123e4567-e89b-12d3-a456-426614174000",
            "access_token_key_name",
            "abcdefghijklmnop",
            "refresh-token-v2",
            "aaaaaaaaaaaaaaaaaa11",
        ] {
            assert!(!is_secret(value, Promise::Token, false), "{value}");
        }
    }
}
