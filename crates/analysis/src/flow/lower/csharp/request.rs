//! What the web framework fills from the request: parameters of actions, and of functions that are mapped to routes.

use std::rc::Rc;

use crate::source::syntax::Node;

use super::CSharp;
use crate::flow::ir::{Annotation, Name, Parameter};
use crate::flow::lower::tree::field;

/// Attributes that make a method answer requests.
const VERBS: [&str; 6] = [
    "HttpGet",
    "HttpPost",
    "HttpPut",
    "HttpDelete",
    "HttpPatch",
    "Route",
];

/// What methods return that answer requests.
const RESULTS: [&str; 6] = [
    "IActionResult",
    "ActionResult",
    "JsonResult",
    "ContentResult",
    "ViewResult",
    "IHttpActionResult",
];

/// Methods that map a function to a route.
pub(super) const MAPPERS: [&str; 5] = ["MapGet", "MapPost", "MapPut", "MapDelete", "MapPatch"];

impl CSharp<'_, '_> {
    /// By which word of the source a method is known to answer requests, if it does.
    pub(super) fn action(
        &self,
        node: Node<'_>,
        annotations: &[Annotation],
    ) -> Option<&'static str> {
        if !self.has_modifier(node, "public") || self.has_modifier(node, "static") {
            return None;
        }
        let named = |name: &str| {
            annotations
                .iter()
                .any(|annotation| annotation.name.as_ref() == name)
        };
        if named("NonAction") {
            return None;
        }
        let returned = field(node, "returns").map_or("", |returns| self.tree.text(returns));
        let mut words = returned.split(|c: char| !c.is_ascii_alphanumeric());
        VERBS
            .into_iter()
            .find(|verb| named(verb))
            .or_else(|| words.find_map(|word| RESULTS.into_iter().find(|known| *known == word)))
    }

    /// Marks the parameters that are filled from the request; `word` stands in the source where that is said.
    pub(super) fn bind_to_request(
        &self,
        parameters: &mut [Parameter],
        word: &str,
        is_action: bool,
    ) {
        for parameter in parameters {
            let Some(type_name) = parameter.type_name.as_deref() else {
                continue;
            };
            let is_text = matches!(type_name, "string" | "String" | "string[]" | "StringValues");
            let is_own = self.shapes.contains_key(type_name);
            let is_model = is_own || is_action && !is_service(type_name);
            if !parameter.annotations.is_empty()
                || !(is_text || is_model)
                || self.plain_type(type_name).is_some()
            {
                continue;
            }
            let kind = if is_text { "text" } else { "model" };
            let name: Name = Rc::from(format!("{kind}.{word}"));
            parameter.annotations.push(Annotation {
                text: Rc::clone(&name),
                name,
            });
        }
    }
}

/// Whether a type is an interface by its name, or one that the framework hands over.
fn is_service(type_name: &str) -> bool {
    let mut first = type_name.chars();
    let is_interface = first.next() == Some('I') && first.next().is_some_and(char::is_uppercase);
    is_interface
        || [
            "CancellationToken",
            "HttpContext",
            "HttpRequest",
            "HttpResponse",
            "ClaimsPrincipal",
        ]
        .contains(&type_name)
        || [
            "Service",
            "Context",
            "Client",
            "Factory",
            "Repository",
            "Manager",
        ]
        .iter()
        .any(|end| type_name.ends_with(end))
}
