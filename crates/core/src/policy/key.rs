//! The one table of configuration keys: check, show, schema and reference are all read off it.

use super::LANGUAGES;

/// One key of a table.
pub(super) struct Key {
    /// As it stands in the file.
    pub name: &'static str,
    /// What it may hold.
    pub shape: Shape,
    /// Whether its table must have it.
    pub is_required: bool,
    /// For the reader; one or two sentences.
    pub doc: &'static str,
}

/// What a key may hold.
pub(super) enum Shape {
    /// A single value.
    One(Item),
    /// A list of values.
    List {
        /// What each value may be.
        item: Item,
        /// The least number of values.
        min: usize,
    },
    /// Keys the user chooses, being rules, with severities as values.
    SeverityByRule,
    /// A table.
    Table(&'static [Key]),
    /// Tables that repeat.
    Tables {
        /// The keys of each.
        keys: &'static [Key],
        /// A small example as it would stand in the file.
        example: &'static str,
    },
}

/// What a single value may be.
#[derive(Clone, Copy)]
pub(super) enum Item {
    /// One of some words.
    Word(&'static [&'static str]),
    /// A whole number within bounds.
    Whole {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A path pattern.
    Glob,
    /// A rule or rules that begin alike.
    Rule,
    /// A name the user chooses.
    Name,
    /// A name that others chose: a label, an owner.
    Text,
    /// Words for a reader, perhaps of several lines.
    Prose,
}

/// The most values of a list, and the most tables that repeat.
pub(super) const MAX_ITEMS: usize = 500;

/// The longest name that others chose, in characters.
pub(super) const MAX_TEXT: usize = 100;

/// The longest text for a reader, in characters.
pub(super) const MAX_PROSE: usize = 2_000;

/// The longest name, in bytes.
pub(super) const MAX_NAME: usize = 64;

/// Severities, worst first.
pub(super) const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "info"];

/// The whole file.
pub(super) const ROOT: &[Key] = &[
    list(
        "ignore",
        Item::Glob,
        "Files left out of the review. Coverage lists them as ignored, and the verdict does not wait for them. \
         A list that would leave out every source file is refused.",
    ),
    key(
        "review",
        Shape::Table(REVIEW),
        "What is reviewed, and when a review fails.",
    ),
    key(
        "limits",
        Shape::Table(LIMITS),
        "How much is read. What is larger is listed as too large and makes the review inconclusive.",
    ),
    key(
        "risk",
        Shape::Table(RISK),
        "What the risk score (0 to 100) means and what raises it.",
    ),
    key(
        "rules",
        Shape::Table(RULES),
        "Which rules run and how bad their findings are. A rule is named by its id, such as `python.weak-hash`; \
         `python.*` means all rules that begin with `python.`.",
    ),
    key(
        "paths",
        Shape::Tables {
            keys: PATHS,
            example: "[[paths]]\nglobs = [\"tests/\", \"examples/\"]\nfail_on = \"critical\"\nrules_off = [\"secrets.*\"]\n",
        },
        "What holds for some paths only. Where several entries match a file, the last `fail_on` holds and every \
         `rules_off` does.",
    ),
    key(
        "layers",
        Shape::Tables {
            keys: LAYERS,
            example: "[[layers]]\nname = \"storage\"\npaths = [\"src/storage/\"]\nmay_use = []\n",
        },
        "Parts of the code base and which parts each may use. A change that makes a file use a part that its own may not use is \
         a finding of the architecture agent.",
    ),
    key(
        "docs",
        Shape::Table(DOCS),
        "What becomes of documents that still call something by a name that a pull request has changed. Counts as it \
         stands on the default branch, wherever the pull request goes.",
    ),
    key(
        "routes",
        Shape::Tables {
            keys: ROUTES,
            example: "[[routes]]\nowners = [\"@octo/security\"]\nagents = [\"security\"]\n",
        },
        "Which agents speak at the lines of which pull requests, and whose view the answers to `ask`, `improve` and `tests` take. \
         Those of all entries that are for a pull request do; where no entry is for it, all agents do. An entry is for it if \
         everything it names fits; for a question at a line, its file alone counts. The summary, the check and the verdict always \
         hold the findings of all agents.",
    ),
    key(
        "agents",
        Shape::Tables {
            keys: OWN_AGENTS,
            example: "[[agents]]\nname = \"money\"\npaths = [\"src/billing/\"]\ninstructions = \"Amounts are whole cents. Say where one becomes a float.\"\n",
        },
        "Reviewers of your own, asked beside the built-in ones where reviews ask models. They add findings and take none away.",
    ),
];

const OWN_AGENTS: &[Key] = &[
    one(
        "name",
        Item::Name,
        "Names the agent; unique. Its findings are of the rule `model.custom.NAME`.",
    )
    .required(),
    list("paths", Item::Glob, "Files that it looks at.").required(),
    one("instructions", Item::Prose, "What it looks for.").required(),
    one(
        "tier",
        Item::Word(&["fast", "balanced", "deep"]),
        "How able a model it asks; without it `balanced`.",
    ),
];

const ROUTES: &[Key] = &[
    list(
        "labels",
        Item::Text,
        "Labels, of which the pull request has one.",
    ),
    list(
        "owners",
        Item::Text,
        "Owners as `CODEOWNERS` at the base names them, of whom one owns a file that the pull request changes.",
    ),
    list(
        "paths",
        Item::Glob,
        "Paths, at which the pull request changes a file.",
    ),
    key(
        "agents",
        Shape::List {
            item: Item::Name,
            min: 1,
        },
        "The agents: `security`, `bugs`, `architecture`, `tests`, `docs` or one of `[[agents]]`.",
    )
    .required(),
];

const DOCS: &[Key] = &[
    one(
        "mode",
        Item::Word(&["off", "suggest", "commit"]),
        "`suggest` says it in comments; `commit` mends the documents by a commit on the pull request's branch, which \
         needs the App's permission to write contents. Forks only ever get suggestions.",
    ),
    list(
        "paths",
        Item::Glob,
        "Documents that may be mended: Markdown, reStructuredText, AsciiDoc and plain text. Change logs never are. \
         Replaces the list below.",
    ),
];

const REVIEW: &[Key] = &[
    one(
        "fail_on",
        Item::Word(SEVERITIES),
        "The least severity of an open finding that fails the review.",
    ),
    one(
        "max_findings",
        Item::Whole { min: 1, max: 1_000 },
        "How many findings are shown, worst first. All of them count for verdict and risk, and the review says how \
         many were not shown.",
    ),
    key(
        "languages",
        Shape::List {
            item: Item::Word(LANGUAGES),
            min: 1,
        },
        "Languages and formats that are read. Files of the others are listed as ignored; secrets are looked for \
         in every text file that is reviewed.",
    ),
    list(
        "generated",
        Item::Glob,
        "Files made by a tool, by name: not reviewed, and the verdict does not wait for them. Replaces the list below. \
         Minified scripts and files that say in their first lines that they are generated need no entry.",
    ),
    list(
        "vendored",
        Item::Glob,
        "Somebody else's code kept in the repository: not reviewed, and the verdict does not wait for it. \
         Replaces the list below.",
    ),
];

const LIMITS: &[Key] = &[
    one(
        "max_file_bytes",
        Item::Whole {
            min: 16_384,
            max: 33_554_432,
        },
        "Larger files are not read.",
    ),
    one(
        "max_line_bytes",
        Item::Whole {
            min: 1_000,
            max: 1_000_000,
        },
        "Files with a longer line are not read.",
    ),
    one(
        "max_files",
        Item::Whole {
            min: 100,
            max: 100_000,
        },
        "Files of a change beyond this number are not read.",
    ),
];

const RISK: &[Key] = &[
    one(
        "approve_below",
        Item::Whole { min: 0, max: 69 },
        "A gate may approve a change below this score; at most `deploy_below`. Gates are not part of this version.",
    ),
    one(
        "deploy_below",
        Item::Whole { min: 0, max: 69 },
        "A gate may deploy a change below this score. From 70 on a person always decides.",
    ),
    key(
        "floor",
        Shape::Tables {
            keys: FLOOR,
            example: "[[risk.floor]]\nname = \"billing\"\npaths = [\"src/billing/\"]\nscore = 50\n",
        },
        "A change that touches one of the paths scores at least this much. Floors in the file are added to the \
         built-in ones; one of the same name takes the built-in one's place.",
    ),
];

const FLOOR: &[Key] = &[
    one("name", Item::Name, "Names the floor in the review.").required(),
    some_globs("paths", "The paths."),
    one(
        "score",
        Item::Whole { min: 1, max: 100 },
        "The least score.",
    )
    .required(),
];

const RULES: &[Key] = &[
    list(
        "off",
        Item::Rule,
        "Rules that do not run. All rules at once cannot be switched off.",
    ),
    key(
        "severity",
        Shape::SeverityByRule,
        "Severities that replace those of the rules. Where several patterns match a rule, the longest holds.",
    ),
];

const PATHS: &[Key] = &[
    some_globs("globs", "The paths."),
    one(
        "fail_on",
        Item::Word(SEVERITIES),
        "Replaces `review.fail_on` for findings in these files.",
    ),
    list(
        "rules_off",
        Item::Rule,
        "Rules whose findings do not count in these files.",
    ),
];

const LAYERS: &[Key] = &[
    one("name", Item::Name, "Names the layer; unique.").required(),
    some_globs("paths", "The files that belong to it."),
    list(
        "may_use",
        Item::Name,
        "Names of the layers that it may use, besides itself.",
    ),
];

/// Files made by a tool, unless the file says otherwise.
pub(super) const GENERATED: &[&str] = &[
    "*.min.js",
    "*.min.mjs",
    "*.min.css",
    "*.bundle.js",
    "*.map",
    "*.snap",
    "*_pb2.py",
    "*_pb2.pyi",
    "*_pb2_grpc.py",
    "*_pb.js",
    "*_pb.d.ts",
    "*.pb.go",
    "*.generated.*",
    "*.g.dart",
    "zz_generated.*",
    "__generated__/",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "deno.lock",
    "Cargo.lock",
    "poetry.lock",
    "pdm.lock",
    "uv.lock",
    "Pipfile.lock",
    "go.sum",
    "Gemfile.lock",
    "composer.lock",
    "gradle.lockfile",
    ".terraform.lock.hcl",
];

/// Somebody else's code, unless the file says otherwise.
pub(super) const VENDORED: &[&str] = &[
    "vendor/",
    "vendored/",
    "_vendor/",
    "node_modules/",
    "bower_components/",
    "third_party/",
    "third-party/",
    "thirdparty/",
    "site-packages/",
    ".venv/",
];

/// Documents that may be mended, unless the file says otherwise.
pub(super) const DOCUMENTS: &[&str] = &[
    "readme*",
    "contributing*",
    "**/{doc,docs,documentation}/**",
    "*.{md,rst,adoc}",
];

/// Floors that hold unless the file replaces them: name and paths; each is 40 high. Decision 2 names the kinds.
pub(super) const FLOORS: &[(&str, &[&str])] = &[
    (
        "workflow",
        &[
            ".github/{workflows,actions}/**",
            "{.gitea,.forgejo}/workflows/**",
            "{.circleci,.buildkite,.woodpecker,.ci,.gitlab}/**",
            "{.gitlab-ci,.travis,.drone,.woodpecker,appveyor,.appveyor,azure-pipelines,bitbucket-pipelines,buildspec,cloudbuild}.{yml,yaml}",
            "jenkinsfile",
            "action.{yml,yaml}",
        ],
    ),
    (
        "dependencies",
        &[
            "{package,package-lock,npm-shrinkwrap,composer,deno,vcpkg,packages.lock}.json",
            "{yarn,bun,deno,cargo,poetry,uv,pdm,composer,mix,flake,pubspec}.lock",
            "{pnpm-lock,pnpm-workspace,pubspec}.yaml",
            "bun.lockb",
            ".npmrc",
            "{cargo,pyproject,libs.versions}.toml",
            "*requirements*.{txt,in}",
            "requirements/*.{txt,in}",
            "setup.{py,cfg}",
            "{pipfile,gemfile}{,.lock}",
            "go.{mod,sum,work,work.sum}",
            "pom.xml",
            "{build,settings}.gradle{,.kts}",
            "gradle.lockfile",
            "gradle/wrapper/**",
            "*.{gemspec,csproj,fsproj,vbproj,nuspec}",
            "{directory.packages.props,packages.config,nuget.config}",
            "package.{swift,resolved}",
            "{podfile,podfile.lock,cartfile,cartfile.resolved}",
            "{mix.exs,flake.nix,conanfile.py,conanfile.txt,.gitmodules,.terraform.lock.hcl}",
        ],
    ),
    (
        "auth",
        &[
            "**/{auth,authn,authz,authentication,authorization,oauth,oauth2,sso,saml,oidc,acl,rbac,permissions}/**",
            "{auth,authn,authz,authentication,authorization,oauth,oauth2,login,permissions,rbac}.*",
            "*{_,-}auth.*",
            "auth{_,-}*.*",
            "codeowners",
        ],
    ),
    (
        "migration",
        &[
            "**/{migrations,migration,migrate}/**",
            "**/alembic/versions/**",
            "v[0-9]*__*.sql",
            "*.{up,down}.sql",
        ],
    ),
];

impl Item {
    /// What a reader may write, in words.
    pub(super) fn allowed(self) -> String {
        match self {
            Self::Word(words) => words.join(", "),
            Self::Whole { min, max } => {
                format!(
                    "a whole number from {} to {}",
                    thousands(min),
                    thousands(max)
                )
            }
            Self::Glob => "a path pattern such as `docs/` or `*.snap`".to_owned(),
            Self::Rule => super::BadRulePattern.to_string(),
            Self::Name => {
                format!("a name of letters, digits, `-` and `_`, at most {MAX_NAME} of them")
            }
            Self::Text => format!("a text of at most {MAX_TEXT} characters on one line"),
            Self::Prose => format!("a text of at most {MAX_PROSE} characters"),
        }
    }
}

impl Shape {
    /// What a reader may write, in words.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::One(item) => item.allowed(),
            Self::List { item, .. } => match item {
                Item::Word(words) => format!("a list of {}", words.join(", ")),
                Item::Glob => "a list of path patterns such as `docs/` or `*.snap`".to_owned(),
                Item::Rule => "a list of rules such as `python.weak-hash` or `python.*`".to_owned(),
                Item::Name | Item::Text | Item::Prose | Item::Whole { .. } => {
                    "a list of names".to_owned()
                }
            },
            Self::SeverityByRule => {
                format!("`\"rule\" = \"severity\"`, with {}", SEVERITIES.join(", "))
            }
            Self::Table(keys) => format!("a table with {}", names(keys)),
            Self::Tables { keys, .. } => {
                format!("tables in double brackets, each with {}", names(keys))
            }
        }
    }
}

/// The names of keys, for the reader.
pub(super) fn names(keys: &[Key]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    names.join(", ")
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        is_required: false,
        doc,
    }
}

const fn one(name: &'static str, item: Item, doc: &'static str) -> Key {
    key(name, Shape::One(item), doc)
}

const fn list(name: &'static str, item: Item, doc: &'static str) -> Key {
    key(name, Shape::List { item, min: 0 }, doc)
}

const fn some_globs(name: &'static str, doc: &'static str) -> Key {
    let shape = Shape::List {
        item: Item::Glob,
        min: 1,
    };
    key(name, shape, doc).required()
}

impl Key {
    const fn required(self) -> Self {
        Self {
            is_required: true,
            ..self
        }
    }
}
