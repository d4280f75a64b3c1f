//! Chat completions as OpenAI has them: <https://platform.openai.com/docs/api-reference/chat>. Azure, Ollama, vLLM and OpenRouter speak them too.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use pullmill_core::models::Entry;
use pullmill_core::ports::model::{Answer, Ask, ModelError, Stop, Usage};
use serde_json::{Value, json};

use super::anthropic::rounded;
use super::post::{Call, Pieces, Post};

/// Where OpenAI itself is: newer models there count the answer under another name.
const OPENAI: &str = "api.openai.com";

/// Models that turned out not to take schemas.
#[derive(Default)]
pub(super) struct NoSchema(Mutex<BTreeSet<String>>);

impl NoSchema {
    fn has(&self, model: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(model)
    }

    fn add(&self, model: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(model.to_owned());
    }
}

pub(super) async fn ask(
    mut call: Call<'_>,
    is_azure: bool,
    no_schema: &NoSchema,
    entry: &Entry,
    ask: &Ask,
) -> Result<Answer, ModelError> {
    let keeps_schemas = entry.has_schema && !no_schema.has(&ask.model);
    match once(&mut call, is_azure, entry, ask, keeps_schemas).await {
        // A request that is refused was not answered, and costs nothing.
        Err(ModelError::Refused(said))
            if keeps_schemas && ask.schema.is_some() && is_about_schema(&said) =>
        {
            no_schema.add(&ask.model);
            once(&mut call, is_azure, entry, ask, false).await
        }
        answered => answered,
    }
}

fn is_about_schema(said: &str) -> bool {
    let said = said.to_lowercase();
    ["response_format", "json_schema", "schema"]
        .iter()
        .any(|word| said.contains(word))
}

async fn once(
    call: &mut Call<'_>,
    is_azure: bool,
    entry: &Entry,
    ask: &Ask,
    keeps_schemas: bool,
) -> Result<Answer, ModelError> {
    let is_own = is_azure || call.place.host() == OPENAI;
    let most = if is_own {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let mut system = ask.system.clone();
    let mut body = json!({
        "model": entry.id, most: ask.max_output,
        "stream": true, "stream_options": {"include_usage": true},
    });
    if entry.has_temperature {
        body["temperature"] = json!(rounded(call.limits.temperature));
    }
    match &ask.schema {
        Some(schema) if keeps_schemas => {
            body["response_format"] = json!({
                "type": "json_schema",
                "json_schema": {"name": schema.name, "strict": true, "schema": schema.json},
            });
        }
        Some(schema) => {
            body["response_format"] = json!({"type": "json_object"});
            system = format!(
                "{system}\n\nAnswer with one JSON object of this schema:\n{}",
                schema.json
            );
        }
        None => {}
    }
    body["messages"] = json!([
        {"role": "system", "content": system}, {"role": "user", "content": ask.content},
    ]);
    let post = Post {
        path: "/chat/completions".to_owned(),
        key: match is_azure {
            true => ("api-key", ""),
            false => ("authorization", "Bearer "),
        },
        headers: &[],
        body,
    };
    let mut completion = Completion::default();
    let request = call.post(&post, &mut completion).await?;
    completion.finish(request)
}

#[derive(Default)]
struct Completion {
    text: String,
    refusal: String,
    stop: Option<Stop>,
    usage: Usage,
}

impl Pieces for Completion {
    fn take(&mut self, piece: &Value) -> Result<(), ModelError> {
        if let Some(error) = piece.get("error").filter(|error| !error.is_null()) {
            let kind = error["type"].as_str().or_else(|| error["code"].as_str());
            let kind = kind.unwrap_or("it does not say why");
            return Err(ModelError::Unavailable(format!("it broke off: {kind}")));
        }
        for choice in piece["choices"].as_array().into_iter().flatten().take(1) {
            // A server that does not stream gives a message at once.
            let said = if choice["delta"].is_object() {
                &choice["delta"]
            } else {
                &choice["message"]
            };
            self.text
                .push_str(said["content"].as_str().unwrap_or_default());
            self.refusal
                .push_str(said["refusal"].as_str().unwrap_or_default());
            self.stop = match choice["finish_reason"].as_str() {
                Some("length") => Some(Stop::Length),
                Some("content_filter") => Some(Stop::Refused),
                Some(_) => Some(Stop::Done),
                None => self.stop,
            };
        }
        let usage = &piece["usage"];
        if let Some(sent) = usage["prompt_tokens"].as_u64() {
            let cached = usage["prompt_tokens_details"]["cached_tokens"]
                .as_u64()
                .unwrap_or(0);
            let cached = cached.min(sent);
            self.usage = Usage {
                input: sent - cached,
                cache_read: cached,
                cache_write: 0,
                output: usage["completion_tokens"].as_u64().unwrap_or(0),
            };
        }
        Ok(())
    }
}

impl Completion {
    fn finish(self, request: Option<String>) -> Result<Answer, ModelError> {
        let Some(stop) = self.stop else {
            return Err(ModelError::Unavailable("the answer broke off".to_owned()));
        };
        let is_refusal = self.text.is_empty() && !self.refusal.is_empty();
        Ok(Answer {
            text: self.text,
            stop: if is_refusal { Stop::Refused } else { stop },
            usage: self.usage,
            request,
        })
    }
}
