//! Sinks: where a value does harm if it is untrusted, and calls that are wrong by themselves.

use std::rc::Rc;
use std::sync::Arc;

use super::call::Evaluated;
use super::ir::{Const, Expr, Name, Span};
use super::model::{SinkEntry, UseEntry};
use super::run::{Run, annotation_names, candidates};
use super::value::{BEHIND_PREFIX, Flow, JOINED, QUOTED, State, UNKNOWN_CALL, Value};
use crate::pattern::Pattern;

impl<'a> Run<'a> {
    /// Checks a call against every sink and every wrong use that goes by its name.
    pub(crate) fn check_call(&mut self, call: &Evaluated<'a>, state: &State) {
        if self.quiet > 0 {
            return;
        }
        let rules = self.rules;
        let sinks: Vec<_> = rules.sink_calls.find(&call.names).cloned().collect();
        for (rule, sink) in sinks {
            if self.is_meant(call, sink.receiver.as_ref()) && self.holds(&sink.when, call, state) {
                self.check_sink(rule, &sink, call, state);
            }
        }
        let uses: Vec<(usize, Arc<UseEntry>)> =
            rules.use_calls.find(&call.names).cloned().collect();
        for (rule, wrong) in uses {
            if self.is_meant(call, wrong.receiver.as_ref()) && self.holds(&wrong.when, call, state)
            {
                let sink = self.short(call.span);
                self.report(rule, call.span, &[], &sink, "");
            }
        }
        self.check_keywords(call, state);
    }

    /// Whether a receiver that is known by nothing else looks like what the entry is about.
    fn is_meant(&self, call: &Evaluated<'a>, pattern: Option<&Pattern>) -> bool {
        let Some(pattern) = pattern else { return true };
        let Some((value, expr)) = &call.receiver else {
            return false;
        };
        if value
            .type_name
            .as_deref()
            .is_some_and(|name| pattern.is_match(name))
        {
            return true;
        }
        pattern.is_match(self.source_text(expr.span))
    }

    fn check_sink(&mut self, rule: usize, sink: &SinkEntry, call: &Evaluated<'a>, state: &State) {
        for (value, _) in call.select_all(&sink.args, state) {
            if sink.argv && is_harmless_vector(value, call, state) {
                continue;
            }
            let flows = self.reaching(rule, sink, value, state);
            if !flows.is_empty() {
                let sink = self.short(call.span);
                self.report(rule, call.span, &flows, &sink, &call.names.last);
                return;
            }
        }
    }

    /// The flows of a value that are dangerous to a sink.
    fn reaching(&self, rule: usize, sink: &SinkEntry, value: &Value, state: &State) -> Vec<Flow> {
        let flow_rule = &self.rules.rules[rule];
        let counts = |flow: &Flow| {
            flow.label & flow_rule.labels != 0
                && state.cleared(flow) & flow_rule.danger == 0
                && !(sink.direct && flow.marks & UNKNOWN_CALL != 0)
                && !(sink.prefix && flow.marks & BEHIND_PREFIX != 0)
                && (!flow_rule.joined || flow.marks & JOINED != 0)
                && (!flow_rule.quoted || flow.marks & QUOTED != 0)
        };
        let flows = state.flows(value, !sink.shallow);
        flows.into_iter().filter(counts).collect()
    }

    /// Assignments to fields.
    pub(crate) fn check_assign(
        &mut self,
        owner: &Value,
        base: &Expr,
        name: &Name,
        value: &Value,
        span: Span,
        state: &State,
    ) {
        if self.quiet > 0 {
            return;
        }
        let names = self.member_names(owner, name);
        let sinks: Vec<_> = self.rules.sink_assigns.find(&names).cloned().collect();
        for (rule, sink) in sinks {
            let meant = sink
                .receiver
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(self.source_text(base.span)));
            let mut conditions = sink.when.iter();
            let holds =
                conditions.all(|condition| self.holds_for(condition, Some((value, base)), state));
            let flows = self.reaching(rule, &sink, value, state);
            if meant && holds && !flows.is_empty() {
                let text = self.short(span);
                self.report(rule, span, &flows, &text, name);
            }
        }
        let uses: Vec<_> = self.rules.use_assigns.find(&names).cloned().collect();
        for (rule, wrong) in uses {
            if wrong
                .when
                .iter()
                .all(|condition| self.holds_for(condition, Some((value, base)), state))
            {
                let text = self.short(span);
                self.report(rule, span, &[], &text, "");
            }
        }
    }

    /// Assignments to elements.
    pub(crate) fn check_store(
        &mut self,
        owner: &Value,
        key: &Value,
        value: &Value,
        span: Span,
        state: &State,
    ) {
        let (Some(path), 0) = (&owner.path, self.quiet) else {
            return;
        };
        let sinks: Vec<_> = self
            .rules
            .sink_stores
            .find(&candidates(path))
            .cloned()
            .collect();
        for (rule, sink) in sinks {
            let mut flows = self.reaching(rule, &sink, value, state);
            flows.append(&mut self.reaching(rule, &sink, key, state));
            if !flows.is_empty() {
                let text = self.short(span);
                self.report(rule, span, &flows, &text, path);
            }
        }
    }

    /// Assignments to variables and fields whose name says what they are for.
    pub(crate) fn check_variable(&mut self, name: &Name, value: &Value, span: Span, state: &State) {
        if self.quiet > 0 || self.rules.sink_variables.is_empty() {
            return;
        }
        let function = self
            .activations
            .last()
            .map(|activation| activation.function);
        let function = function
            .and_then(|id| self.unit.functions.get(id))
            .map(|function| Rc::clone(&function.name));
        for (pattern, (rule, sink)) in &self.rules.sink_variables {
            let named = pattern.is_match(name)
                || function.as_ref().is_some_and(|name| pattern.is_match(name));
            let flows = self.reaching(*rule, sink, value, state);
            if named && !flows.is_empty() {
                self.report(*rule, span, &flows, name, name);
            }
        }
    }

    fn check_keywords(&mut self, call: &Evaluated<'a>, state: &State) {
        for (argument, value) in call.call.arguments.iter().zip(&call.arguments) {
            if let Some(name) = &argument.name {
                self.check_variable(name, value, argument.value.span, state);
            }
        }
    }

    /// What a function returns, if its annotations make that a sink, or its name does.
    pub(crate) fn check_return(&mut self, value: &Value, expr: Option<&Expr>, state: &State) {
        let (Some(expr), Some(activation)) = (expr, self.activations.last()) else {
            return;
        };
        if self.quiet > 0 {
            return;
        }
        let function = &self.unit.functions[activation.function];
        for annotation in &function.annotations {
            let sinks: Vec<_> = self
                .rules
                .sink_returns
                .find(&annotation_names(annotation))
                .cloned()
                .collect();
            for (rule, sink) in sinks {
                let meant = sink
                    .receiver
                    .as_ref()
                    .is_none_or(|pattern| pattern.is_match(&annotation.text));
                let flows = self.reaching(rule, &sink, value, state);
                if meant && !flows.is_empty() {
                    let text = self.short(expr.span);
                    self.report(rule, expr.span, &flows, &text, "return");
                }
            }
        }
        for (pattern, (rule, sink)) in &self.rules.sink_variables {
            let flows = self.reaching(*rule, sink, value, state);
            if pattern.is_match(&function.name) && !flows.is_empty() {
                self.report(*rule, expr.span, &flows, &function.name, "return");
            }
        }
    }

    fn short(&self, span: Span) -> String {
        let text: String = self
            .source_text(span)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if text.chars().count() <= 60 {
            return text;
        }
        let head: String = text.chars().take(57).collect();
        format!("{head}…")
    }
}

/// An argument vector whose program is constant and no interpreter: further arguments are data to it.
fn is_harmless_vector(value: &Value, call: &Evaluated<'_>, state: &State) -> bool {
    let elements = state
        .object(value)
        .and_then(|object| object.elements.clone());
    let first = call
        .arguments
        .first()
        .filter(|first| first.constant.is_some());
    let program = match &elements {
        // The program is named before its arguments: `Command("ls", args...)`.
        Some(_) if first.is_some() => first.cloned(),
        Some(elements) => elements.first().cloned(),
        None if call.arguments.len() > 1 && value.object.is_none() => {
            call.arguments.first().cloned()
        }
        None => None,
    };
    let Some(Value {
        constant: Some(Const::Text(program)),
        ..
    }) = program
    else {
        return false;
    };
    !is_interpreter(&program)
}

fn is_interpreter(program: &str) -> bool {
    let name = program
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(program)
        .trim_end_matches(".exe")
        .to_ascii_lowercase();
    let known = [
        "sh",
        "bash",
        "zsh",
        "dash",
        "ksh",
        "cmd",
        "powershell",
        "pwsh",
        "python",
        "python3",
        "perl",
        "ruby",
        "node",
        "php",
        "env",
        "xargs",
        "sudo",
        "ssh",
        "eval",
    ];
    known.contains(&name.as_str()) || program.contains(' ')
}
