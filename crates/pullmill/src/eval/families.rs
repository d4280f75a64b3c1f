//! Which weaknesses are near enough to each other that a finding of one answers a label of the other.

use std::collections::BTreeSet;

use pullmill_core::finding::{Agent, Finding};
use serde_json::Value;

/// Weaknesses that people take for one another; the first member names the family in tables.
///
/// Two weaknesses are kin if one family holds both. Kinship is not handed on: 759 and 328 are kin, 328 and 327
/// are, 759 and 327 are not.
const FAMILIES: &[(&str, &[u32])] = &[
    (
        "path traversal",
        &[22, 23, 24, 25, 26, 27, 28, 35, 36, 37, 38, 39, 40, 73],
    ),
    ("link following", &[59, 61]),
    ("command injection", &[78, 77, 88]),
    (
        "cross-site scripting",
        &[79, 80, 81, 82, 83, 84, 85, 86, 87, 116],
    ),
    ("query injection", &[89, 564, 943]),
    ("LDAP injection", &[90]),
    ("XPath and XML injection", &[643, 91, 652]),
    ("code injection", &[94, 95, 96, 913, 917, 1336]),
    ("header injection", &[113, 93, 644]),
    ("log injection", &[117, 93]),
    (
        "memory bounds",
        &[119, 120, 121, 122, 124, 125, 126, 127, 787, 788, 805],
    ),
    ("format string", &[134]),
    ("integer overflow", &[190, 191, 196, 197, 680, 681]),
    ("information exposure", &[200, 201, 209, 497]),
    ("secrets in logs", &[532, 200]),
    ("timing difference", &[208, 385]),
    ("ignored result", &[252, 253]),
    ("hard-coded credentials", &[798, 259, 321, 547]),
    (
        "badly stored credentials",
        &[522, 256, 257, 260, 312, 313, 259, 798],
    ),
    ("excess privileges", &[250, 266, 269]),
    ("file permissions", &[732, 276, 277, 278, 279, 281]),
    ("missing authentication", &[306, 287, 288, 1390]),
    ("missing authorization", &[862, 284, 285, 425, 639, 863]),
    (
        "certificate validation",
        &[295, 296, 297, 298, 299, 322, 599],
    ),
    ("cleartext", &[319, 311, 312, 523]),
    ("weak cipher", &[327, 326, 329, 780, 1204, 1240]),
    ("weak hash", &[328, 759, 760, 916]),
    ("weak cryptography", &[327, 326, 328, 916]),
    ("old protocol version", &[757, 326, 327]),
    (
        "weak randomness",
        &[
            330, 331, 332, 334, 335, 336, 337, 338, 339, 340, 341, 342, 343, 344, 1241,
        ],
    ),
    ("unchecked signature", &[347, 345]),
    ("cross-origin access", &[942, 346, 1385]),
    ("request forgery by other sites", &[352]),
    ("race", &[362, 363, 364, 366, 367]),
    ("temporary file", &[377, 378, 379]),
    ("swallowed error", &[390, 391, 392, 396, 397, 703, 754, 755]),
    ("resource exhaustion", &[400, 409, 770, 789]),
    ("slow regular expression", &[1333, 400, 185, 625]),
    ("resource leak", &[772, 401, 404, 459, 771, 773, 775]),
    ("file upload", &[434, 646]),
    ("untrusted search path", &[426, 427, 428]),
    ("unsafe reflection", &[470]),
    ("null dereference", &[476, 690]),
    ("debug feature", &[489, 215]),
    ("trust boundary", &[501]),
    ("deserialization", &[502]),
    ("unreachable code", &[561, 570, 571]),
    ("wrong comparison", &[697, 480, 481, 482, 595, 597]),
    ("open redirect", &[601]),
    ("XML entities", &[611, 776, 827]),
    ("cookie flags", &[614, 1004, 1275]),
    ("uninitialised value", &[457, 456, 665, 908, 909]),
    ("wrong type", &[843, 704, 681]),
    ("untrusted component", &[829, 494, 830, 1357]),
    ("endless loop", &[835, 834, 674]),
    ("attribute injection", &[915, 1321]),
    ("server-side request forgery", &[918, 441]),
    ("exposed interface", &[668, 605, 1327]),
];

/// Which findings answer a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Any finding.
    Any,
    /// A finding that carries one of these weaknesses.
    Cwe {
        /// The weakness as labelled.
        id: u32,
        /// It and its kin.
        kin: BTreeSet<u32>,
    },
    /// A finding of the bugs agent in this category.
    Bug(String),
}

impl Weakness {
    /// A label that names one or more weaknesses; none means any.
    ///
    /// A corpus that has tests for two kin under different names tells them `apart`: then each stands for itself, and
    /// what is kin to several of them goes to the one of its first family that holds any.
    #[must_use]
    pub fn of(ids: &[u32], apart: &BTreeSet<u32>) -> Self {
        let Some(id) = ids.first() else {
            return Self::Any;
        };
        let mut accepted = BTreeSet::new();
        for id in ids {
            let others = kin(*id);
            accepted.extend(
                others
                    .difference(apart)
                    .filter(|kin| is_nearest(*id, **kin, apart)),
            );
            accepted.insert(*id);
        }
        Self::Cwe {
            id: *id,
            kin: accepted,
        }
    }

    /// A label that names one weakness.
    #[must_use]
    pub fn cwe(id: u32) -> Self {
        Self::of(&[id], &BTreeSet::new())
    }

    /// Whether the finding is of this kind.
    #[must_use]
    pub fn accepts(&self, finding: &Finding) -> bool {
        match self {
            Self::Any => true,
            Self::Cwe { kin, .. } => finding.cwe.iter().any(|id| kin.contains(id)),
            Self::Bug(category) => finding.agent == Agent::Bugs && finding.category == *category,
        }
    }

    /// Whether a finding may be of both kinds.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cwe { kin, .. }, Self::Cwe { kin: others, .. }) => !kin.is_disjoint(others),
            (Self::Bug(category), Self::Bug(other)) => category == other,
            _ => true,
        }
    }

    /// Its row in tables; `None` if it stands for anything.
    #[must_use]
    pub fn row(&self) -> Option<Row> {
        match self {
            Self::Any => None,
            Self::Cwe { id, .. } => Some(Row::of_cwe(*id)),
            Self::Bug(category) => Some(Row::of_bug(category)),
        }
    }
}

/// A row of a table: sorted by number, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    number: u32,
    /// What the reader sees.
    pub name: String,
}

impl Row {
    /// A row with a name only.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            number: 0,
            name: name.to_owned(),
        }
    }

    /// The row of the weakness's family.
    #[must_use]
    pub fn of_cwe(id: u32) -> Self {
        let family = FAMILIES.iter().find(|(_, members)| members.contains(&id));
        match family {
            Some((name, members)) => {
                let number = members.first().copied().unwrap_or(id);
                Self {
                    number,
                    name: format!("cwe-{number} {name}"),
                }
            }
            None => Self {
                number: id,
                name: format!("cwe-{id}"),
            },
        }
    }

    /// The row a finding counts for when no label says otherwise.
    #[must_use]
    pub fn of_finding(finding: &Finding) -> Self {
        match (finding.agent, finding.cwe.first()) {
            (Agent::Security, Some(id)) => Self::of_cwe(*id),
            (Agent::Security, None) => Self::named(&finding.category),
            (Agent::Bugs, _) => Self::of_bug(&finding.category),
            (Agent::Architecture | Agent::Tests | Agent::Docs, _) => Self::named(&finding.category),
        }
    }

    fn of_bug(category: &str) -> Self {
        Self {
            number: u32::MAX,
            name: format!("bug:{category}"),
        }
    }
}

/// Whether, of all that are told apart, none stands nearer to this kin.
fn is_nearest(id: u32, kin: u32, apart: &BTreeSet<u32>) -> bool {
    let mut families = FAMILIES.iter().map(|(_, members)| *members);
    families
        .find(|members| members.contains(&kin) && members.iter().any(|each| apart.contains(each)))
        .is_none_or(|members| members.contains(&id))
}

fn kin(id: u32) -> BTreeSet<u32> {
    FAMILIES
        .iter()
        .filter(|(_, members)| members.contains(&id))
        .flat_map(|(_, members)| members.iter().copied())
        .collect()
}

/// Reads weakness numbers out of text such as `CWE-89: …` or `external/cwe/cwe-089`, in order of appearance.
#[must_use]
pub fn numbers_in(text: &str) -> Vec<u32> {
    let text = text.to_ascii_lowercase();
    let mut numbers = Vec::new();
    for piece in text.split("cwe").skip(1) {
        let digits: String = piece
            .trim_start_matches(['-', '_', ' ', ':'])
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if let Ok(number) = digits.parse()
            && !numbers.contains(&number)
        {
            numbers.push(number);
        }
    }
    numbers
}

/// Reads weaknesses under the keys of an object that start with `cwe` or are `tags`: numbers or text, alone or in lists.
#[must_use]
pub fn numbers_under(properties: &Value) -> Vec<u32> {
    let mut numbers = Vec::new();
    for (name, value) in properties.as_object().into_iter().flatten() {
        let is_cwe = name.to_ascii_lowercase().starts_with("cwe");
        if is_cwe || name == "tags" {
            let values = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            numbers.extend(values.iter().flat_map(|value| in_value(value, is_cwe)));
        }
    }
    numbers
}

fn in_value(value: &Value, is_cwe: bool) -> Vec<u32> {
    let bare = || match value {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match value {
        _ if is_cwe && bare().is_some() => bare().into_iter().collect(),
        Value::String(text) => numbers_in(text),
        _ => Vec::new(),
    }
}
