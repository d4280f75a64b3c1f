//! Tries the scanner: what it must find, what only looks like a secret, and that a secret never leaves it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn found(text: &str, path: &str) -> Vec<String> {
    let hits = Scanner::new().scan(text, &RepoPath::from(path));
    for hit in &hits {
        for range in &hit.masked {
            let secret = &text[range.clone()];
            let shown = format!("{:?} {:?} {:?}", hit.code, hit.names, hit.steps);
            assert!(secret.len() < 4 || !shown.contains(secret), "{shown}");
        }
    }
    hits.iter()
        .map(|hit| hit.rule.id.trim_start_matches("secrets.").to_owned())
        .collect()
}

/// Text that looks random and is the same every time; it is built here so that no token stands in the repository.
fn random(alphabet: &str, length: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = 0x9e37_79b9_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            letters[usize::try_from(state >> 33).unwrap() % letters.len()]
        })
        .collect()
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";

#[test]
fn tokens_of_providers_are_found() {
    let cases = [
        ("github-token", format!("{}{}", "ghp_", random(ALNUM, 36))),
        (
            "github-fine-grained-token",
            format!(
                "{}{}_{}",
                "github_pat_",
                random(ALNUM, 22),
                random(ALNUM, 59)
            ),
        ),
        ("gitlab-token", format!("{}{}", "glpat-", random(ALNUM, 20))),
        (
            "aws-access-key",
            format!(
                "{}{}",
                "AKIA",
                random("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
            ),
        ),
        ("google-api-key", format!("{}{}", "AIza", random(ALNUM, 35))),
        (
            "slack-token",
            format!(
                "{}{}-{}-{}",
                "xoxb-",
                random("123456789", 12),
                random("123456789", 12),
                random(ALNUM, 24)
            ),
        ),
        (
            "slack-webhook",
            format!(
                "https://hooks.slack.com/services/T{}/B{}/{}",
                random("ABCDEF0123", 8),
                random("ABCDEF0123", 8),
                random(ALNUM, 24)
            ),
        ),
        ("stripe-key", format!("{}{}", "sk_live_", random(ALNUM, 24))),
        (
            "sendgrid-key",
            format!("{}{}.{}", "SG.", random(ALNUM, 22), random(ALNUM, 43)),
        ),
        ("npm-token", format!("{}{}", "npm_", random(ALNUM, 36))),
        (
            "pypi-token",
            format!("{}{}", "pypi-AgEIcHlwaS5vcmc", random(ALNUM, 120)),
        ),
        (
            "docker-token",
            format!("{}{}", "dckr_pat_", random(ALNUM, 27)),
        ),
        ("openai-key", format!("{}{}", "sk-proj-", random(ALNUM, 60))),
        (
            "openai-legacy-key",
            format!("sk-{}T3BlbkFJ{}", random(ALNUM, 20), random(ALNUM, 20)),
        ),
        (
            "anthropic-key",
            format!("{}api03-{}", "sk-ant-", random(ALNUM, 93)),
        ),
        (
            "hugging-face-token",
            format!("{}{}", "hf_", random(&ALNUM[..52], 34)),
        ),
        (
            "digitalocean-token",
            format!("{}{}", "dop_v1_", random(HEX, 64)),
        ),
        (
            "azure-storage-key",
            format!("{}{}==", "AccountKey=", random(ALNUM, 86)),
        ),
        ("databricks-token", format!("{}{}", "dapi", random(HEX, 32))),
        ("shopify-token", format!("{}{}", "shpat_", random(HEX, 32))),
        ("mailgun-key", format!("{}{}", "key-", random(HEX, 32))),
        (
            "telegram-token",
            format!("{}:AA{}", random("123456789", 9), random(ALNUM, 33)),
        ),
        ("linear-key", format!("{}{}", "lin_api_", random(ALNUM, 40))),
        ("vault-token", format!("{}{}", "hvs.", random(ALNUM, 95))),
        (
            "terraform-cloud-token",
            format!("{}.atlasv1.{}", random(ALNUM, 14), random(ALNUM, 67)),
        ),
        (
            "jwt",
            format!(
                "eyJ{}.eyJ{}.{}",
                random(ALNUM, 33),
                random(ALNUM, 50),
                random(ALNUM, 43)
            ),
        ),
    ];
    for (id, token) in cases {
        assert_eq!(
            found(&format!("x = \"{token}\"\n"), "src/app.py"),
            [id],
            "{id}"
        );
        assert_eq!(
            found(&format!("curl -H 'X: {token}' x\n"), "README.md"),
            [id],
            "{id}"
        );
        assert!(
            found(&format!("x{token}x"), "a.py").is_empty()
                || ["azure-storage-key", "slack-webhook", "telegram-token"].contains(&id)
                || id.contains("legacy")
                || id.starts_with("terraform"),
            "{id}"
        );
    }
}

#[test]
fn private_keys_need_a_body() {
    let mark = |word: &str| format!("-----{word} RSA PRIVATE KEY-----");
    let body = (0..6).map(|_| random(ALNUM, 64)).collect::<Vec<_>>();
    let key = format!("{}\n{}\n{}\n", mark("BEGIN"), body.join("\n"), mark("END"));
    assert_eq!(found(&key, "deploy/key"), ["private-key"]);
    let json = format!(
        "{{\"private_key\": \"{}\\n{}\\n{}\\n\"}}",
        mark("BEGIN"),
        body.join("\\n"),
        mark("END")
    );
    assert_eq!(found(&json, "account.json"), ["private-key"]);
    assert!(
        found(
            &format!(
                "if line.startswith(\"{}\"):\n    return parse(line)\n",
                mark("BEGIN")
            ),
            "a.py"
        )
        .is_empty()
    );
    assert!(
        found(
            &format!("{}\nMIIE...\n{}\n", mark("BEGIN"), mark("END")),
            "README.md"
        )
        .is_empty()
    );
    assert!(found(&key.replace("PRIVATE", "PUBLIC"), "a.pem").is_empty());
    let hit = &Scanner::new().scan(&key, &RepoPath::from("tests/data/key.pem"))[0];
    assert_eq!(hit.rule.severity, pullmill_core::finding::Severity::Low);
}

#[test]
fn passwords_in_urls_are_found() {
    for (id, text, path) in [
        (
            "connection-string",
            "DB = 'postgres://app:s3cr3tPw@db.internal.acme.io:5432/app'",
            "a.py",
        ),
        (
            "connection-string",
            "url: mongodb://root:Kx82mPq9@db0.acme.io/x",
            "a.yml",
        ),
        (
            "connection-string",
            "redis://:p4ssw0rdX@cache.acme.io:6379",
            "a.go",
        ),
        (
            "url-credentials",
            "requests.get(\"https://bot:hunter22@git.acme.io/x\")",
            "a.py",
        ),
        (
            "password",
            "\"Server=db;User Id=sa;Password=Tr0ub4dor;\"",
            "a.cs",
        ),
        (
            "password",
            "\"jdbc:mysql://db/x?user=root&password=Tr0ub4dor\"",
            "A.java",
        ),
    ] {
        assert_eq!(found(text, path), [id], "{text}");
    }
    for text in [
        "postgres://user:password@localhost/db",
        "postgres://postgres:postgres@db:5432/app",
        "amqp://guest:guest@rabbit:5672",
        "https://user:pass@example.com",
        "postgres://${USER}:${PASSWORD}@${HOST}/db",
        "f\"postgres://{user}:{password}@{host}/db\"",
        "https://example.com:8080/@scope/pkg",
        "git+ssh://git@github.com:acme/x.git",
        "http://localhost:3000/a:b@c",
        "mysql://root:%s@tcp(db.acme.io)/x",
        "\"Server=db;User Id=sa;Password={0};\"",
    ] {
        assert_eq!(found(text, "src/app.py"), [""; 0], "{text}");
    }
}

#[test]
fn literals_given_to_secret_names_are_found() {
    let token = random(ALNUM, 32);
    let code = [
        "password = \"hunter2\"".to_owned(),
        "db_password: str = 'P@ssw0rd1'".to_owned(),
        "\"password\": \"Sommer2024!\",".to_owned(),
        "config['DB_PASSWORD'] = 's3cr3t!x'".to_owned(),
        "const dbPassword = `Tr0ub4dor`;".to_owned(),
        "ds.setPassword(\"Tr0ub4dor\");".to_owned(),
        "Password: \"Tr0ub4dor\",".to_owned(),
        "if password == \"Tr0ub4dor\":".to_owned(),
        "app.secret_key = 'supersecretkey'".to_owned(),
        "SECRET_KEY = 'my-flask-signing-key'".to_owned(),
        "JWT_SECRET = \"s3cr3t-jwt-key\"".to_owned(),
        "private static final String DB_PASSWORD = \"S3cret!pw\";".to_owned(),
        "const password: string = \"Tr0ub4dor\";".to_owned(),
        "password := \"Tr0ub4dor\"".to_owned(),
        "$password = 'Tr0ub4dor';".to_owned(),
        ":password => 'Tr0ub4dor',".to_owned(),
        "def connect(user, password='Tr0ub4dor'):".to_owned(),
        "conn = connect(host='db', user='app', password='Tr0ub4dor', port=5432)".to_owned(),
        "let secret_key: &str = \"s3cr3t-signing-key\";".to_owned(),
        "val apiSecret = \"9f8Kq2LmZx7R\"".to_owned(),
        "jwt.sign(payload, { secret: 'x', jwtSecret: 'my-jwt-secret-1' })".to_owned(),
        format!("api_key = \"{token}\""),
        format!("authToken: '{token}',"),
        format!("client_secret=\"{token}\""),
        format!("os.environ.setdefault(\"API_TOKEN\", \"{token}\")"),
    ];
    for text in &code {
        assert_eq!(found(text, "src/app.py").len(), 1, "{text}");
    }
    for (text, path) in [
        (format!("API_KEY={token}\nX=1"), ".env"),
        ("DB_PASSWORD=Tr0ub4dor\n".to_owned(), "app.env"),
        (
            "spring.datasource.password=Tr0ub4dor\n".to_owned(),
            "application.properties",
        ),
        (
            "db:\n  password: Tr0ub4dor # prod\n".to_owned(),
            "config.yml",
        ),
        (
            "    - MYSQL_ROOT_PASSWORD=Tr0ub4dor\n".to_owned(),
            "docker-compose.yml",
        ),
        ("ENV DB_PASSWORD=Tr0ub4dor\n".to_owned(), "Dockerfile"),
        ("export DB_PASSWORD=Tr0ub4dor\n".to_owned(), "run.sh"),
        ("<password>Tr0ub4dor</password>".to_owned(), "settings.xml"),
        (
            "<add key=\"DbPassword\" value=\"Tr0ub4dor\"/>".to_owned(),
            "web.config",
        ),
    ] {
        assert_eq!(found(&text, path).len(), 1, "{text}");
    }
}

#[test]
fn look_alikes_of_secrets_are_silent() {
    for text in [
        "password = os.environ['DB_PASSWORD']",
        "password = os.environ.get('DB_PASSWORD', '')",
        "password = getpass('Password: ')",
        "password = \"\"",
        "password = 'changeme'",
        "password = f\"{prefix}1234\"",
        "password = \"pre\" + suffix",
        "password = '%s' % value",
        "PASSWORD_FIELD = 'user_password1'",
        "PASSWORD = 'password'",
        "passwordHash = '5f4dcc3b5aa765d61d8327deb882cf99'",
        "<input type=\"password\" name=\"password\" autocomplete=\"new-password\">",
        "{ type: 'password', label: 'Password' }",
        "\"password\": \"Mot de passe\",",
        "password: z.string().min(8)",
        "token = lexer.next_token()",
        "token = 'IDENTIFIER'",
        "csrf_token = 'a81bc81b9f8e4d5a8f6c'",
        "nextPageToken: 'CAUQAA0x9f8e7d6c5b'",
        "api_key = settings.API_KEY",
        "apiKey: process.env.API_KEY,",
        "api_key = 'YOUR_API_KEY'",
        "api_key = \"<your-api-key>\"",
        "secret_name = 'prod/db/password1'",
        "SECRET_KEY = config('SECRET_KEY')",
        "secret_key = \"SECRET_KEY\"",
        "token_url = 'https://auth.acme.io/oauth2/token'",
        "access_token = '123e4567-e89b-12d3-a456-426614174000'",
        "commit = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'",
        "aws_access_key_id = 'AKIAIOSFODNN7EXAMPLE'",
        "aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'",
        "integrity: 'sha512-oGMsj1x9f8Kq2LmZx7RtWv4Yb1NcDe9f8Kq2LmZx7RtWv4Yb1NcDe=='",
        "throw new Error('Invalid password: 12ab')",
        "password == confirmation",
        "headers = {'Authorization': f'Bearer {token}'}",
        "auth = 'Basic ' + encode(user)",
        "\"bearer token authentication2\"",
        "PasswordResetToken = models.CharField()",
        "{'Acme::Kms::ApiKey': '600da347bb3f084e', 'secret': 'V1SecretVolumeSource'}",
        ">>> login(password='hunter2')",
        "password_regex = '^(?=.*[0-9]).{8,}$'",
    ] {
        assert_eq!(found(text, "src/app.py"), [""; 0], "{text}");
    }
    for (text, path) in [
        ("password: ${DB_PASSWORD}", "a.yml"),
        ("password: {{ .Values.password }}", "a.yml"),
        ("password: *default", "a.yml"),
        ("POSTGRES_PASSWORD: postgres", "docker-compose.yml"),
        (
            "token: ${{ secrets.GITHUB_TOKEN }}",
            ".github/workflows/a.yml",
        ),
        ("id-token: write", ".github/workflows/a.yml"),
        ("DB_PASSWORD=$(cat /run/secrets/db)", "run.sh"),
        ("DB_PASSWORD=\"$1\"", "run.sh"),
        ("DB_PASSWORD=", ".env"),
        ("password = 'hunter2'", "tests/test_login.py"),
        ("password = 'hunter2'", "docs/guide.md"),
        ("\"password\": \"Passwort1\"", "src/locales/de.json"),
        ("existingSecret: my-app-db1", "values.yaml"),
        ("<password>${env.PW}</password>", "settings.xml"),
    ] {
        assert_eq!(found(text, path), [""; 0], "{text}");
    }
}

#[test]
fn a_token_given_to_a_secret_name_is_reported_once() {
    let text = format!("GITHUB_TOKEN = \"{}{}\"", "ghp_", random(ALNUM, 36));
    assert_eq!(found(&text, "a.py"), ["github-token"]);
}

#[test]
fn ids_are_unique_and_messages_name_only_names() {
    let rules = Scanner::new().rules();
    let ids: BTreeSet<_> = rules.iter().map(|rule| &rule.id).collect();
    assert_eq!(ids.len(), rules.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_it_panic_or_tell(bytes in proptest::collection::vec(any::<u8>(), 0..300), pieces in proptest::collection::vec(0_usize..30, 0..40), path in 0_usize..6) {
        let words = ["password", "=", " = ", "\"", "'", ":", "://", "a:Tr0ub4dor@b.io", "-----BEGIN ", "RSA PRIVATE KEY-----", "eyJ", ".", "é", "\n", "ghp_", "AbC123xYz9", "Q7w8E9r0T1y2U3i4O5p6", "token", "secret_key", "(", ")", ">", "<", "value=\"", ";", "Server=x;", "Basic ", "YWRtaW46czNjcjN0cHc=", " ", "\\n"];
        let built: String = pieces.iter().map(|at| words[*at]).collect();
        let path = ["a.py", "a.yml", ".env", "a.xml", "README.md", "tests/a.py"][path];
        found(&String::from_utf8_lossy(&bytes), path);
        let text = built;
        for hit in Scanner::new().scan(&text, &RepoPath::from(path)) {
            prop_assert!(text.get(hit.range.clone()).is_some());
            for range in &hit.masked {
                prop_assert!(text.get(range.clone()).is_some());
            }
        }
    }
}
