//! Amazon Bedrock's Converse by its SDK: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>. Credentials
//! and region are found where AWS's own tools find them. An answer with a schema is the input of a tool that must be used.

use std::time::Duration;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::operation::converse::{ConverseError, ConverseOutput};
use aws_sdk_bedrockruntime::types::{
    AnyToolChoice, ContentBlock, ConversationRole, InferenceConfiguration, Message, StopReason,
    SystemContentBlock, Tool, ToolChoice, ToolConfiguration, ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::{Document, Number};
use pullmill_core::models::{Entry, Limits};
use pullmill_core::ports::model::{Answer, Ask, ModelError, Progress, Stop, Usage};
use serde_json::Value;

use crate::aws;

/// A client that is made when it is first asked: reading credentials takes network.
#[derive(Default)]
pub(super) struct Bedrock(tokio::sync::OnceCell<Client>);

impl Bedrock {
    async fn client(&self, endpoint: &str, limits: &Limits) -> &Client {
        let (begin, whole) = (limits.begin(), limits.whole());
        self.0.get_or_init(|| client(endpoint, begin, whole)).await
    }

    pub(super) async fn ask(
        &self,
        endpoint: &str,
        limits: &Limits,
        entry: &Entry,
        ask: &Ask,
        progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError> {
        let request = self.client(endpoint, limits).await.converse();
        let message = Message::builder()
            .role(ConversationRole::User)
            .content(ContentBlock::Text(ask.content.clone()))
            .build();
        let most = i32::try_from(ask.max_output).unwrap_or(i32::MAX);
        let mut inference = InferenceConfiguration::builder().max_tokens(most);
        if entry.has_temperature {
            inference = inference.temperature(limits.temperature);
        }
        let mut request = request
            .model_id(&entry.id)
            .system(SystemContentBlock::Text(ask.system.clone()))
            .messages(message.map_err(unbuilt)?)
            .inference_config(inference.build());
        if let Some(schema) = &ask.schema {
            let tool = ToolSpecification::builder()
                .name(schema.name)
                .description("Takes the answer.")
                .input_schema(ToolInputSchema::Json(document(&schema.json)));
            let tools = ToolConfiguration::builder()
                .tools(Tool::ToolSpec(tool.build().map_err(unbuilt)?))
                .tool_choice(ToolChoice::Any(AnyToolChoice::builder().build()));
            request = request.tool_config(tools.build().map_err(unbuilt)?);
        }
        let output = request.send().await.map_err(refusal)?;
        let answer = read(&output)?;
        progress.received(answer.text.len());
        match answer.text.len() > limits.max_answer_bytes as usize {
            true => Err(ModelError::TooLarge(limits.max_answer_bytes)),
            false => Ok(answer),
        }
    }
}

async fn client(endpoint: &str, begin: Duration, whole: Duration) -> Client {
    let shared = aws::configuration().await;
    let times = TimeoutConfig::builder()
        .connect_timeout(begin)
        .operation_timeout(whole)
        .build();
    // Whoever pays says how often something is tried.
    let mut config = aws_sdk_bedrockruntime::config::Builder::from(&shared)
        .retry_config(RetryConfig::disabled())
        .timeout_config(times);
    if !endpoint.is_empty() {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

fn unbuilt(error: BuildError) -> ModelError {
    ModelError::Refused(format!("the request cannot be written: {error}"))
}

fn read(output: &ConverseOutput) -> Result<Answer, ModelError> {
    let message = output.output().and_then(|output| output.as_message().ok());
    let message = message.ok_or_else(|| ModelError::Unreadable("it has no message".to_owned()))?;
    let mut text = String::new();
    for block in message.content() {
        match block {
            ContentBlock::Text(said) => text.push_str(said),
            ContentBlock::ToolUse(used) => text.push_str(&value(used.input()).to_string()),
            _ => {}
        }
    }
    let usage = output.usage();
    let count = |tokens: Option<i32>| {
        tokens
            .and_then(|tokens| u64::try_from(tokens).ok())
            .unwrap_or(0)
    };
    Ok(Answer {
        text,
        stop: match output.stop_reason() {
            StopReason::MaxTokens | StopReason::ModelContextWindowExceeded => Stop::Length,
            StopReason::ContentFiltered | StopReason::GuardrailIntervened => Stop::Refused,
            _ => Stop::Done,
        },
        usage: Usage {
            input: count(usage.map(|usage| usage.input_tokens())),
            cache_read: count(usage.and_then(|usage| usage.cache_read_input_tokens())),
            cache_write: count(usage.and_then(|usage| usage.cache_write_input_tokens())),
            output: count(usage.map(|usage| usage.output_tokens())),
        },
        request: aws_sdk_bedrockruntime::operation::RequestId::request_id(output)
            .map(str::to_owned),
    })
}

fn refusal(error: SdkError<ConverseError>) -> ModelError {
    if let SdkError::TimeoutError(_) = error {
        return ModelError::Late("Bedrock did not answer in time".to_owned());
    }
    let code = error.code().unwrap_or_default().to_owned();
    let said: String = aws::Said::of(error).to_string().chars().take(200).collect();
    match code.as_str() {
        "ThrottlingException" | "ServiceQuotaExceededException" => ModelError::Limited(None),
        "ModelTimeoutException" => ModelError::Late(said),
        "AccessDeniedException" | "ValidationException" | "ResourceNotFoundException" => {
            ModelError::Refused(said)
        }
        _ => ModelError::Unavailable(said),
    }
}

/// JSON as the SDK has it.
fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(is) => Document::Bool(*is),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Number::PosInt(number),
            (None, Some(number)) => Number::NegInt(number),
            (None, None) => Number::Float(number.as_f64().unwrap_or(0.0)),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), document(value)));
            Document::Object(fields.collect())
        }
    }
}

fn value(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(is) => Value::Bool(*is),
        Document::Number(Number::PosInt(number)) => Value::from(*number),
        Document::Number(Number::NegInt(number)) => Value::from(*number),
        Document::Number(Number::Float(number)) => Value::from(*number),
        Document::String(text) => Value::String(text.clone()),
        Document::Array(items) => items.iter().map(value).collect(),
        Document::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let fields = sorted
                .into_iter()
                .map(|(name, one)| (name.clone(), value(one)));
            Value::Object(fields.collect())
        }
    }
}
