//! Data flow through TypeScript and JSX, as far as the rules' examples, which must be JavaScript as well, cannot show it.

use std::sync::LazyLock;

use proptest::prelude::*;
use pullmill_analysis::analyser::Analyser;
use pullmill_core::change::RepoPath;
use pullmill_core::job::{Job, Setup};

static ANALYSER: LazyLock<Analyser> = LazyLock::new(|| match Analyser::new(&Setup::default()) {
    Ok(analyser) => analyser,
    Err(problems) => panic!("{}", problems.join("\n")),
});

fn reports(path: &str, rule: &str, text: &str) -> bool {
    let job = Job {
        path: RepoPath::from(path),
        old_path: None,
        base: None,
        head: Some(text.as_bytes().into()),
        search_base: false,
    };
    ANALYSER
        .analyse(&job)
        .head
        .is_some_and(|side| side.findings.iter().any(|finding| finding.rule == rule))
}

#[test]
fn declared_types_tell_what_a_parameter_is() {
    let text = "\
import { Request } from 'express';
import { exec } from 'child_process';
export const run = (r: Request<{}, unknown>) => { exec((r.query as Record<string, string>).cmd!); };
";
    assert!(reports("a.ts", "javascript.command-injection", text));
    let safe = text.replace("exec(", "console.table(");
    assert!(!reports("a.ts", "javascript.command-injection", &safe));
}

#[test]
fn decorated_parameters_are_untrusted_unless_they_are_converted() {
    let text = "\
import { Controller, Query, ParseIntPipe } from '@nestjs/common';
import { Pool } from 'pg';
@Controller()
export class Items {
  constructor(private readonly pool: Pool) {}
  list(@Query('q') q: string) { return this.pool.query(`SELECT ${q}`); }
}
";
    assert!(reports("a.ts", "javascript.sql-injection", text));
    let safe = text.replace("'q')", "'q', ParseIntPipe)");
    assert!(!reports("a.ts", "javascript.sql-injection", &safe));
}

#[test]
fn html_set_by_a_jsx_property_is_a_sink_and_what_jsx_shows_is_not() {
    let text = "\
export const A = () => <div dangerouslySetInnerHTML={{ __html: window.location.hash }} />;
";
    assert!(reports("a.tsx", "javascript.dom-xss", text));
    assert!(reports("a.jsx", "javascript.dom-xss", text));
    let safe = "export const A = () => <div>{window.location.hash}</div>;\n";
    assert!(!reports("a.tsx", "javascript.dom-xss", safe));
}

/// Pieces from which programs are put together that need not make sense.
const PIECES: [&str; 24] = [
    "const { a, b: [c, , d], ...e } = req.query;\n",
    "exec(a",
    ")",
    "{",
    "}",
    "`x${",
    "class A extends B {",
    "#f = ",
    "constructor(private x: Y) ",
    "=> ",
    "async ",
    "await ",
    "<div a={",
    "/>",
    "switch (a) { case 1: ",
    "for (const [k, v] of ",
    "?.",
    "...",
    " as T",
    "@D() ",
    "function* f(",
    "new ",
    "typeof x === 'string'",
    "require('fs')",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn broken_programs_are_gone_through_without_harm(
        pieces in prop::collection::vec(0..PIECES.len(), 0..40),
        end in 0..3_usize,
    ) {
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        let text = format!("import {{ exec }} from 'child_process';\n{text}");
        reports(["a.js", "a.ts", "a.tsx"][end], "javascript.command-injection", &text);
    }
}
