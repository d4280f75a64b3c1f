//! Anthropic's Messages: <https://docs.anthropic.com/en/api/messages>. An answer with a schema is the input of a tool that must be used.

use pullmill_core::models::Entry;
use pullmill_core::ports::model::{Answer, Ask, ModelError, Stop, Usage};
use serde_json::{Value, json};

use super::post::{Call, Pieces, Post};

pub(super) async fn ask(
    mut call: Call<'_>,
    entry: &Entry,
    ask: &Ask,
) -> Result<Answer, ModelError> {
    let mut body = json!({
        "model": entry.id, "max_tokens": ask.max_output, "stream": true,
        // What many questions begin with is kept by the provider for some minutes.
        "system": [{"type": "text", "text": ask.system, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": ask.content}],
    });
    if entry.has_temperature {
        body["temperature"] = json!(rounded(call.limits.temperature));
    }
    if let Some(schema) = &ask.schema {
        body["tools"] = json!([{
            "name": schema.name, "description": "Takes the answer.", "input_schema": schema.json,
        }]);
        body["tool_choice"] = json!({"type": "tool", "name": schema.name});
    }
    let post = Post {
        path: "/v1/messages".to_owned(),
        key: ("x-api-key", ""),
        headers: &[("anthropic-version", "2023-06-01")],
        body,
    };
    let mut message = Message::default();
    let request = call.post(&post, &mut message).await?;
    message.finish(request)
}

/// A number as it was written in the configuration, which holds fewer digits.
pub(super) fn rounded(number: f32) -> f64 {
    (f64::from(number) * 1000.0).round() / 1000.0
}

#[derive(Default)]
struct Message {
    text: String,
    stop: Option<Stop>,
    usage: Usage,
    is_whole: bool,
}

impl Pieces for Message {
    fn take(&mut self, piece: &Value) -> Result<(), ModelError> {
        match piece["type"].as_str() {
            Some("message_start") => self.count(&piece["message"]["usage"]),
            Some("content_block_delta") => {
                let delta = &piece["delta"];
                let text = delta["partial_json"]
                    .as_str()
                    .or_else(|| delta["text"].as_str());
                self.text.push_str(text.unwrap_or_default());
            }
            Some("message_delta") => {
                self.stop(&piece["delta"]["stop_reason"]);
                self.count(&piece["usage"]);
            }
            Some("message_stop") => self.is_whole = true,
            Some("error") => {
                let kind = piece["error"]["type"].as_str().unwrap_or_default();
                return Err(ModelError::Unavailable(format!("it broke off: {kind}")));
            }
            // A server that does not stream.
            Some("message") => {
                for block in piece["content"].as_array().into_iter().flatten() {
                    match &block["input"] {
                        Value::Null => self
                            .text
                            .push_str(block["text"].as_str().unwrap_or_default()),
                        input => self.text.push_str(&input.to_string()),
                    }
                }
                self.stop(&piece["stop_reason"]);
                self.count(&piece["usage"]);
                self.is_whole = true;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Message {
    fn stop(&mut self, reason: &Value) {
        self.stop = match reason.as_str() {
            Some("max_tokens" | "model_context_window_exceeded") => Some(Stop::Length),
            Some("refusal") => Some(Stop::Refused),
            Some(_) => Some(Stop::Done),
            None => self.stop,
        };
    }

    fn count(&mut self, usage: &Value) {
        let parts = [
            ("input_tokens", &mut self.usage.input),
            ("cache_read_input_tokens", &mut self.usage.cache_read),
            ("cache_creation_input_tokens", &mut self.usage.cache_write),
            ("output_tokens", &mut self.usage.output),
        ];
        for (name, part) in parts {
            if let Some(tokens) = usage[name].as_u64() {
                *part = tokens;
            }
        }
    }

    fn finish(self, request: Option<String>) -> Result<Answer, ModelError> {
        match self.stop {
            Some(stop) if self.is_whole => Ok(Answer {
                text: self.text,
                stop,
                usage: self.usage,
                request,
            }),
            _ => Err(ModelError::Unavailable("the answer broke off".to_owned())),
        }
    }
}
