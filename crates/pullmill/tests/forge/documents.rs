//! A repository whose documents speak of one function, and what they say when it has another name.

use pullmill_fakehub::Posted;

pub const COMMIT: &str = "[docs]\nmode = \"commit\"\n";
pub const MODULE: &str = "import json


def load_config(path):
    with open(path) as file:
        return json.load(file)


def other():
    return 1
";
pub const README: &str = "# Shop

The settings are read by `load_config(path)`, the load_config of old.

```python
settings = load_config(\"shop.json\")
```
";
pub const GUIDE: &str = "Guide
=====

Call ``config.load_config`` first.
";
pub const HISTORY: &str = "# 1.0\n\n- added `load_config`\n";

/// A repository whose documents speak of one function.
pub fn base(settings: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        (".pullmill.toml", settings),
        ("shop/config.py", MODULE),
        ("README.md", README),
        ("docs/guide/start.rst", GUIDE),
        ("CHANGELOG.md", HISTORY),
    ]
}

pub fn renamed(name: &str) -> String {
    MODULE.replace("load_config", name)
}

pub fn assert_mended(posted: &Posted) {
    let text = |path: &str| posted.files[path].as_str();
    assert_eq!(
        text("README.md"),
        README
            .replace("`load_config(", "`read_config(")
            .replace("= load_config(", "= read_config(")
    );
    assert_eq!(
        text("docs/guide/start.rst"),
        GUIDE.replace("load_config", "read_config")
    );
    assert_eq!(text("CHANGELOG.md"), HISTORY);
}
