//! Models of Bedrock, by Amazon's SDK, against a scripted server that speaks ConverseStream, and a mock that others wrote.

#![cfg(feature = "aws")]
#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;

use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::model::{Access, Providers};
use pullmill_core::models::{Catalogue, Money};
use pullmill_core::ports::model::{
    Answer, Ask, Model, ModelError, Reservation, Schema, Stop, Unheard,
};
use pullmill_testkit::models::{Asked, ModelServer, Reply};
use serde_json::json;

async fn asked(
    limits: &str,
    script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Result<Answer, ModelError>, Vec<Asked>) {
    let server = ModelServer::start(script);
    let config = server.config("bedrock", 10_000);
    let config = config.replace("[limits]\n", &format!("[limits]\n{limits}"));
    let catalogue = Arc::new(Catalogue::read(Some(&config)).unwrap());
    let access = BTreeMap::from([("scripted".to_owned(), Access::Open)]);
    let model = Providers::new(catalogue, access, Arc::new(SystemClock));
    let Ok(model) = model else {
        panic!("the provider cannot be opened");
    };
    let ask = Ask {
        model: "scripted".to_owned(),
        system: "Be brief.".to_owned(),
        content: "Say something.".to_owned(),
        schema: Some(Schema {
            name: "review",
            json: json!({"type": "object", "properties": {"overview": {"type": "string"}}}),
        }),
        max_output: 500,
        name: "q".to_owned(),
    };
    let paid = Reservation { worst: Money(1) };
    (model.ask(&ask, &paid, &mut Unheard).await, server.asked())
}

#[tokio::test]
async fn an_answer_is_the_input_of_the_tool_and_its_price_is_counted() {
    let words = json!({"overview": "It — \"says\" something.", "files": [1, -2, 0.5, null, true]});
    let text = words.to_string();
    let (answer, questions) = asked("", move |_| Reply::Say(text.clone())).await;
    let answer = answer.unwrap();
    assert_eq!(answer.text, words.to_string());
    assert_eq!(answer.stop, Stop::Done);
    let asked = &questions[0];
    assert_eq!(asked.path, "/model/scripted-1/converse-stream");
    assert_eq!(answer.usage.sent(), asked.tokens() as u64);
    assert!(answer.usage.cache_read > 0 && answer.usage.output > 0);
    assert_eq!(asked.system, "Be brief.");
    assert_eq!(asked.content, "Say something.");
    let tool = &asked.body["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!(tool["inputSchema"]["json"]["type"], "object");
    assert_eq!(asked.body["inferenceConfig"]["maxTokens"], 500);
}

#[tokio::test]
async fn ends_and_faults_are_of_their_kind_and_nothing_is_tried_again() {
    let (answer, _) = asked("", |_| Reply::Cut("{\"over".to_owned())).await;
    assert_eq!(answer.unwrap().stop, Stop::Length);
    let (answer, _) = asked("", |_| Reply::Refuse).await;
    assert_eq!(answer.unwrap().stop, Stop::Refused);
    let fault = |status: u16, kind: &'static str| {
        asked("", move |_| {
            let headers = vec![("x-amzn-errortype", kind.to_owned())];
            Reply::Status(status, headers, "{\"message\": \"why\"}".to_owned())
        })
    };
    let (answer, questions) = fault(429, "ThrottlingException").await;
    assert_eq!(answer, Err(ModelError::Limited(None)));
    assert_eq!(questions.len(), 1);
    let (answer, _) = fault(403, "AccessDeniedException").await;
    assert!(matches!(answer, Err(ModelError::Refused(_))), "{answer:?}");
    let (answer, questions) = fault(500, "InternalServerException").await;
    assert!(
        matches!(answer, Err(ModelError::Unavailable(_))),
        "{answer:?}"
    );
    assert_eq!(questions.len(), 1);
}

#[tokio::test]
async fn an_answer_that_never_comes_or_never_ends_is_given_up() {
    let (answer, _) = asked("begin_seconds = 1\n", |_| Reply::Hang).await;
    assert!(matches!(answer, Err(ModelError::Late(_))), "{answer:?}");
    let (answer, _) = asked("pause_seconds = 1\n", |_| Reply::Stall).await;
    assert!(matches!(answer, Err(ModelError::Late(_))), "{answer:?}");
    let (answer, _) = asked("max_answer_bytes = 10000\n", |_| Reply::Endless).await;
    assert_eq!(answer, Err(ModelError::TooLarge(10_000)));
    let (answer, _) = asked("", |_| Reply::Break("{\"overview\": \"So.\"}".to_owned())).await;
    assert!(
        matches!(answer, Err(ModelError::Unavailable(_))),
        "{answer:?}"
    );
}
