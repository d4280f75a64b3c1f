//! The table: found, or made as the stack would make it.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus, TimeToLiveSpecification,
};
use pullmill_core::ports::Source;
use pullmill_core::ports::clock::{self, Clock};

use crate::aws::Said;

/// How often to look whether a table is ready.
const PAUSE: Duration = Duration::from_millis(200);
/// How often at most.
const LOOKS: u32 = 300;

/// Makes sure that the table is there and ready.
pub(super) async fn prepare(client: &Client, table: &str, clock: &dyn Clock) -> Result<(), Source> {
    let mut is_made = false;
    for _ in 0..LOOKS {
        let described = client.describe_table().table_name(table).send().await;
        match described {
            Ok(answer) => {
                let status = answer.table.and_then(|table| table.table_status);
                if status == Some(TableStatus::Active) {
                    if is_made {
                        forget_by_itself(client, table).await?;
                    }
                    return Ok(());
                }
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                make(client, table).await?;
                if !std::mem::replace(&mut is_made, true) {
                    continue;
                }
            }
            Err(error) => return Err(Said::of(error).into()),
        }
        clock::sleep(clock, PAUSE).await;
    }
    Err(format!("the table {table} does not become ready").into())
}

async fn make(client: &Client, table: &str) -> Result<(), Source> {
    let names = ["PK", "SK", "GSI1PK", "GSI1SK", "GSI2PK", "GSI2SK"];
    let attributes = names.map(|name| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
    });
    let attributes = attributes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let made = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes))
        .set_key_schema(Some(keys("PK", "SK")?))
        .global_secondary_indexes(index("GSI1", "GSI1PK", "GSI1SK")?)
        .global_secondary_indexes(index("GSI2", "GSI2PK", "GSI2SK")?)
        .send()
        .await;
    match made {
        // Somebody else was faster.
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_in_use_exception()) =>
        {
            Ok(())
        }
        made => Ok(made.map(drop).map_err(Said::of)?),
    }
}

fn keys(hash: &str, range: &str) -> Result<Vec<KeySchemaElement>, Source> {
    let key = |name, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    Ok(vec![key(hash, KeyType::Hash)?, key(range, KeyType::Range)?])
}

/// An index has what tells who holds a record, and no bodies.
fn index(name: &str, hash: &str, range: &str) -> Result<GlobalSecondaryIndex, Source> {
    let projection = Projection::builder()
        .projection_type(ProjectionType::Include)
        .non_key_attributes("held_until")
        .non_key_attributes("expires_ms")
        .build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(keys(hash, range)?))
        .projection(projection)
        .build()?;
    Ok(index)
}

/// The table itself removes what is past its deadline.
async fn forget_by_itself(client: &Client, table: &str) -> Result<(), Source> {
    let deadline = TimeToLiveSpecification::builder()
        .attribute_name("ttl")
        .enabled(true)
        .build()?;
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(deadline)
        .send()
        .await
        .map_err(Said::of)?;
    Ok(())
}
