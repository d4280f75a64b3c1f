//! Conditions as guards: what is known to be harmless once a condition has been found to hold, or not to.

use super::call::Evaluated;
use super::ir::{Call, Const, Expr, ExprKind, Op};
use super::model::Selector;
use super::rules::{ALL_DANGERS, Dangers, Guard};
use super::run::{Exit, Run};
use super::value::{Flow, HOST, PART, State, Value, common, mark_bit};

impl<'a> Run<'a> {
    /// Takes a condition for true or false and notes what follows from it.
    pub(crate) fn refine(&mut self, condition: &'a Expr, truth: bool, state: &mut State) {
        if !self.has_flows.get() || !state.is_live || !self.step() {
            return;
        }
        match &condition.kind {
            ExprKind::Not(inner) => self.refine(inner, !truth, state),
            ExprKind::Binary(Op::And, left, right) => {
                self.refine_both(left, right, truth, true, state)
            }
            ExprKind::Binary(Op::Or, left, right) => {
                self.refine_both(left, right, truth, false, state)
            }
            ExprKind::Binary(op, left, right) => self.compare(*op, left, right, truth, state),
            ExprKind::Call(call) => self.answered(call, condition, truth, state),
            ExprKind::Assign(_, value) => self.refine(value, truth, state),
            ExprKind::Cast(_, value) => self.refine(value, truth, state),
            ExprKind::Parts(parts) if parts.len() == 1 => self.refine(&parts[0], truth, state),
            ExprKind::Index(base, key) if truth => {
                // `if allowed[name]`: the key is one of those that were put in.
                let (base, key) = (self.look(base, state), self.look(key, state));
                if state.flows(&base, true).is_empty() {
                    self.is_one_of(&key, state);
                }
            }
            _ => {}
        }
    }

    /// `and` taken for true, and `or` taken for false, mean both sides; otherwise it is one of them.
    fn refine_both(
        &mut self,
        left: &'a Expr,
        right: &'a Expr,
        truth: bool,
        is_and: bool,
        state: &mut State,
    ) {
        if truth == is_and {
            self.refine(left, truth, state);
            self.refine(right, truth, state);
            return;
        }
        let mut first = state.clone();
        self.refine(left, truth, &mut first);
        let mut second = state.clone();
        self.refine(left, !truth, &mut second);
        self.refine(right, truth, &mut second);
        state.cleared = common(&first.cleared, &second.cleared);
    }

    fn compare(&mut self, op: Op, left: &'a Expr, right: &'a Expr, truth: bool, state: &mut State) {
        let (a, b) = (self.look(left, state), self.look(right, state));
        let is_equal = matches!((op, truth), (Op::Equal, true) | (Op::NotEqual, false));
        let is_in = matches!((op, truth), (Op::In, true) | (Op::NotIn, false));
        let is_not_in = matches!((op, truth), (Op::In, false) | (Op::NotIn, true));
        if is_equal {
            for (value, other) in [(&a, &b), (&b, &a)] {
                if other.flows.is_empty() && !matches!(other.constant, Some(Const::Null)) {
                    self.is_one_of(value, state);
                }
            }
        }
        for (side, other) in [(left, &b), (right, &a)] {
            if matches!(other.constant, Some(Const::Null)) && matches!(op, Op::Equal | Op::NotEqual)
            {
                self.answered_with_null(side, is_equal, state);
            }
        }
        if is_in && state.flows(&b, true).is_empty() {
            self.is_one_of(&a, state);
        }
        if is_not_in {
            self.lacks(&b, &a, state);
        }
        self.found_nowhere(op, left, &b, truth, state);
    }

    /// `text.indexOf("..") == -1` and the like.
    fn found_nowhere(
        &mut self,
        op: Op,
        left: &'a Expr,
        right: &Value,
        truth: bool,
        state: &mut State,
    ) {
        let ExprKind::Call(call) = &left.kind else {
            return;
        };
        let ExprKind::Field(base, name) = &call.callee.kind else {
            return;
        };
        let finds = matches!(name.as_ref(), "indexOf" | "find" | "search");
        let is_minus_one = matches!(right.constant, Some(Const::Int(-1)));
        let is_zero = matches!(right.constant, Some(Const::Int(0)));
        let nowhere = matches!((op, truth), (Op::Equal, true) | (Op::NotEqual, false))
            && is_minus_one
            || matches!((op, truth), (Op::Less, true) | (Op::GreaterEqual, false)) && is_zero
            || matches!((op, truth), (Op::Greater, false)) && is_minus_one;
        let (true, true, Some(argument)) = (finds, nowhere, call.arguments.first()) else {
            return;
        };
        let (text, needle) = (self.look(base, state), self.look(&argument.value, state));
        if name.as_ref() == "indexOf" && text.flows.is_empty() {
            return;
        }
        self.lacks(&text, &needle, state);
    }

    /// The value is one of a few known ones, so nothing about it is untrusted any more.
    fn is_one_of(&self, value: &Value, state: &mut State) {
        let dangers = |marks: u8| -> Dangers {
            if marks & HOST != 0 {
                self.rules.known_danger("ssrf") | self.rules.known_danger("redirect")
            } else if marks & PART != 0 {
                0
            } else {
                ALL_DANGERS
            }
        };
        for flow in &value.flows {
            state.clear(&[flow.source], dangers(flow.marks));
        }
    }

    /// The text does not contain `..`, so it cannot lead out of a folder.
    fn lacks(&self, text: &Value, needle: &Value, state: &mut State) {
        let Some(Const::Text(needle)) = &needle.constant else {
            return;
        };
        if needle.contains("..") {
            let sources: Vec<u64> = text.flows.iter().map(|flow| flow.source).collect();
            state.clear(&sources, self.rules.known_danger("path"));
        }
    }

    fn answered(&mut self, call: &'a Call, condition: &'a Expr, truth: bool, state: &mut State) {
        let evaluated = self.quietly(|run| run.evaluate(call, condition.span, &mut state.clone()));
        if self.answered_inside(&evaluated, truth, state) {
            return;
        }
        self.answered_by_model(&evaluated, truth, state);
        self.answered_by_shape(&evaluated, truth, state);
    }

    fn answered_by_model(&mut self, call: &Evaluated<'a>, truth: bool, state: &mut State) {
        let guards: Vec<_> = self.rules.guards.find(&call.names).cloned().collect();
        for guard in guards {
            if guard.holds == truth && !guard.raises {
                self.pass(&guard, call, state);
            }
        }
    }

    /// Calls that raise unless the value is harmless.
    pub(crate) fn raising_guards(&mut self, call: &Evaluated<'a>, state: &mut State) {
        let guards: Vec<_> = self
            .rules
            .guards
            .find(&call.names)
            .filter(|guard| guard.raises)
            .cloned()
            .collect();
        for guard in guards {
            self.pass(&guard, call, state);
        }
    }

    fn pass(&self, guard: &Guard, call: &Evaluated<'a>, state: &mut State) {
        if !self.holds(&guard.when, call, state) {
            return;
        }
        if let Some(selector) = &guard.pattern {
            let constant = call
                .select(selector)
                .and_then(|(value, _)| value.constant.clone());
            match constant {
                Some(Const::Text(pattern)) if is_strict(&pattern, guard.whole_match) => {}
                // A compiled pattern object or a named constant; what it allows is not known, its author meant it as a check.
                None => {}
                Some(_) => return,
            }
        }
        let target = guard.target.clone().unwrap_or_else(|| default_target(call));
        let Some((value, _)) = call.select(&target) else {
            return;
        };
        let needed = guard.needs.map_or(0, mark_bit);
        // What holds for a part, such as a file's extension, says nothing of the rest.
        let counts =
            |flow: &Flow| flow.marks & needed == needed && (needed != 0 || flow.marks & PART == 0);
        let sources: Vec<u64> = state
            .flows(value, true)
            .into_iter()
            .filter(counts)
            .map(|flow| flow.source)
            .collect();
        state.clear(&sources, guard.clears);
    }

    /// Equality, membership and predicates, by the names that all languages use.
    fn answered_by_shape(&mut self, call: &Evaluated<'a>, truth: bool, state: &mut State) {
        let name = call.names.last.as_ref();
        let receiver = call.receiver.as_ref().map(|(value, _)| value.clone());
        let argument = call.arguments.first().cloned();
        match (name, receiver, argument) {
            ("equals" | "equalsIgnoreCase" | "contentEquals", Some(receiver), Some(argument))
                if truth =>
            {
                for (value, other) in [(&receiver, &argument), (&argument, &receiver)] {
                    if other.flows.is_empty() {
                        self.is_one_of(value, state);
                    }
                }
            }
            (
                "contains" | "includes" | "has" | "containsKey" | "Contains" | "indexOf",
                Some(receiver),
                Some(argument),
            ) => {
                if truth
                    && name != "indexOf"
                    && state.flows(&receiver, true).is_empty()
                    && !argument.flows.is_empty()
                {
                    self.is_one_of(&argument, state);
                } else if !truth {
                    self.lacks(&receiver, &argument, state);
                    // `strings.Contains(text, "..")`: a function of a package, not a method of the text.
                    if let Some(needle) = call.arguments.get(1) {
                        self.lacks(&argument, needle, state);
                    }
                } else if let Some(second) = call.arguments.get(1)
                    && state.flows(&argument, true).is_empty()
                {
                    self.is_one_of(second, state);
                }
            }
            _ if truth && call.callee.function.is_none() && sounds_checking(name) => {
                let values: Vec<Value> = call
                    .arguments
                    .iter()
                    .chain(call.receiver.as_ref().map(|(value, _)| value))
                    .cloned()
                    .collect();
                for value in values {
                    let sources: Vec<u64> = value.flows.iter().map(|flow| flow.source).collect();
                    state.clear(&sources, ALL_DANGERS);
                }
            }
            _ => {}
        }
    }

    /// Follows a predicate of the file: what is cleared on every way on which it answers `truth`.
    fn answered_inside(&mut self, call: &Evaluated<'a>, truth: bool, state: &mut State) -> bool {
        let Some(id) = call.callee.function else {
            return false;
        };
        let Some(exits) = self.quietly(|run| run.ways_out(id, call, state)) else {
            return false;
        };
        let mut cleared: Option<std::collections::BTreeMap<u64, Dangers>> = None;
        for Exit {
            state: mut exit,
            value,
            expr,
        } in exits
        {
            if value.truth() == Some(!truth) || expr.is_none() && truth {
                continue;
            }
            if let Some(expr) = expr
                && value.truth().is_none()
            {
                exit.is_live = true;
                self.quietly(|run| run.refine(expr, truth, &mut exit));
            }
            cleared = Some(match cleared {
                Some(known) => common(&known, &exit.cleared),
                None => exit.cleared,
            });
        }
        for (source, dangers) in cleared.unwrap_or_default() {
            state.clear(&[source], dangers);
        }
        true
    }

    /// Follows a function of the file that answers with an error or with nothing: what is cleared on every such way.
    fn answered_with_null(&mut self, side: &'a Expr, is_null: bool, state: &mut State) {
        let mut side = side;
        while let ExprKind::Assign(_, inner) = &side.kind {
            side = inner;
        }
        let ExprKind::Call(call) = &side.kind else {
            return;
        };
        let call = self.quietly(|run| run.evaluate(call, side.span, &mut state.clone()));
        let Some(id) = call.callee.function else {
            return;
        };
        let Some(exits) = self.quietly(|run| run.ways_out(id, &call, state)) else {
            return;
        };
        let answers = exits.into_iter().filter(|exit| match &exit.value.constant {
            Some(Const::Null) => is_null,
            Some(_) => !is_null,
            None => true,
        });
        let cleared = answers
            .map(|exit| exit.state.cleared)
            .reduce(|all, one| common(&all, &one));
        for (source, dangers) in cleared.unwrap_or_default() {
            state.clear(&[source], dangers);
        }
    }

    /// Evaluates without reporting and without consequences.
    pub(crate) fn look(&mut self, expr: &'a Expr, state: &State) -> Value {
        self.quietly(|run| run.eval(expr, &mut state.clone()))
    }

    fn quietly<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        self.quiet += 1;
        let result = act(self);
        self.quiet -= 1;
        result
    }
}

fn default_target(call: &Evaluated<'_>) -> Selector {
    if call
        .receiver
        .as_ref()
        .is_some_and(|(value, _)| !value.flows.is_empty() || call.arguments.is_empty())
    {
        Selector::Word("receiver".to_owned())
    } else {
        Selector::Position(0)
    }
}

/// Whether a regular expression, matched as a whole, admits nothing but letters, digits and a few harmless signs.
pub(crate) fn is_strict(pattern: &str, matches_whole: bool) -> bool {
    let anchored = (pattern.starts_with('^') || pattern.starts_with("\\A"))
        && (pattern.ends_with('$') || pattern.ends_with("\\z") || pattern.ends_with("\\Z"));
    if !anchored && !matches_whole {
        return false;
    }
    let body = pattern
        .trim_start_matches('^')
        .trim_start_matches("\\A")
        .trim_end_matches('$')
        .trim_end_matches("\\z")
        .trim_end_matches("\\Z");
    let mut characters = body.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('S' | 'D' | 'W' | 's' | 'b' | 'B') | None => return false,
                Some(_) => {}
            },
            '[' => {
                in_class = true;
                if characters.peek() == Some(&'^') {
                    return false;
                }
            }
            ']' => in_class = false,
            '.' if !in_class => return false,
            '\'' | '"' | '`' | ';' | '<' | '>' | '&' => return false,
            '|' if in_class => return false,
            '/' if in_class => return false,
            _ => {}
        }
    }
    true
}

/// Whether a predicate nobody knows says by its name that it checks a value against what is allowed.
fn sounds_checking(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let checks = [
        "allowed",
        "valid",
        "safe",
        "permitted",
        "trusted",
        "whitelist",
        "allowlist",
        "isalnum",
        "isnumeric",
        "isalpha",
    ];
    checks.iter().any(|word| name.contains(word))
        && !name.contains("unsafe")
        && !name.contains("invalid")
}
