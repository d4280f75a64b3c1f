//! Data flow as a property: a value keeps its danger through every step, and no danger crosses a sanitiser.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use pullmill_analysis::analyser::Analyser;
use pullmill_core::change::RepoPath;
use pullmill_core::job::{Job, Setup};

/// Ways in which Python hands a value on, from `{from}` to `{to}`.
const STEPS: [&str; 14] = [
    "    {to} = {from}\n",
    "    {to} = 'a ' + {from} + ' b'\n",
    "    {to} = f'x {{from}} y'\n",
    "    {to} = 'x %s y' % {from}\n",
    "    {to} = 'x {} y'.format({from})\n",
    "    {to} = {from}.strip()\n",
    "    box = ['safe', {from}, 'safe']\n    {to} = box[1]\n",
    "    box = {'a': 'safe', 'b': {from}}\n    {to} = box['b']\n",
    "    {to} = same({from})\n",
    "    {to} = ''\n    for part in [{from}]:\n        {to} += part\n",
    "    if flag:\n        {to} = {from}\n    else:\n        {to} = 'safe'\n",
    "    {to} = (lambda it: it)({from})\n",
    "    try:\n        {to} = {from}\n    except ValueError:\n        {to} = 'safe'\n",
    "    holder = Holder({from})\n    {to} = holder.value\n",
];

/// Ways that look alike and hand on nothing.
const CUTS: [&str; 9] = [
    "    {to} = shlex.quote({from})\n",
    "    {to} = str(int({from}))\n",
    "    {to} = {from}\n    {to} = 'safe'\n",
    "    box = ['safe', {from}]\n    {to} = box[0]\n",
    "    box = {'a': 'safe', 'b': {from}}\n    {to} = box['a']\n",
    "    number = 106\n    {to} = 'safe' if 7 * 18 + number > 200 else {from}\n",
    "    if {from} not in ('a', 'b'):\n        return\n    {to} = {from}\n",
    "    if not re.fullmatch(r'[a-z0-9_]+', {from}):\n        raise ValueError('no')\n    {to} = {from}\n",
    "    check({from})\n    {to} = {from}\n",
];

const HEAD: &str = "\
import html, os, re, shlex
from flask import request

class Holder:
    def __init__(self, value):
        self.value = value

def same(value):
    return value

def check(value):
    if value not in ['a', 'b']:
        raise ValueError(value)

def run(flag):
    v0 = request.args.get('name')
";

fn program(steps: &[usize], cut: Option<(usize, usize)>) -> String {
    let mut text = HEAD.to_owned();
    let mut number = 0;
    let mut push = |template: &str| {
        let (from, to) = (format!("v{number}"), format!("v{}", number + 1));
        // `{{from}}` in the templates is an interpolation of the program's own.
        let line = template
            .replace("{{from}}", &format!("{{{from}}}"))
            .replace("{from}", &from)
            .replace("{to}", &to);
        text.push_str(&line);
        number += 1;
    };
    for (index, step) in steps.iter().enumerate() {
        if let Some((at, which)) = cut
            && at == index
        {
            push(CUTS[which]);
        }
        push(STEPS[*step]);
    }
    if let Some((at, which)) = cut
        && at >= steps.len()
    {
        push(CUTS[which]);
    }
    text.push_str(&format!("    os.system(v{number})\n"));
    text
}

fn reported(text: &str) -> bool {
    let job = Job {
        path: RepoPath::from("app.py"),
        old_path: None,
        base: None,
        head: Some(Arc::from(text.as_bytes())),
        search_base: false,
    };
    ANALYSER.analyse(&job).head.is_some_and(|head| {
        head.findings
            .iter()
            .any(|finding| finding.rule == "python.command-injection")
    })
}

static ANALYSER: LazyLock<Analyser> = LazyLock::new(|| match Analyser::new(&Setup::default()) {
    Ok(analyser) => analyser,
    Err(problems) => panic!("{}", problems.join("\n")),
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn an_untrusted_value_stays_untrusted_whatever_it_is_handed_through(
        steps in prop::collection::vec(0..STEPS.len(), 0..6),
    ) {
        let text = program(&steps, None);
        prop_assert!(reported(&text), "{text}");
    }

    #[test]
    fn nothing_untrusted_crosses_a_sanitiser_a_guard_or_an_overwrite(
        steps in prop::collection::vec(0..STEPS.len(), 0..6),
        at in 0..7_usize,
        cut in 0..CUTS.len(),
    ) {
        let text = program(&steps, Some((at, cut)));
        prop_assert!(!reported(&text), "{text}");
    }
}

#[test]
fn a_sanitiser_of_another_danger_clears_nothing() {
    let text = format!("{HEAD}    os.system(html.escape(v0))\n");
    assert!(reported(&text));
}
