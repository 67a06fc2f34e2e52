//! The published JSON Schema of a table, made from its types. For tests: nothing else reads it.

use schemars::JsonSchema;
use serde_json::{Value, json};

/// Returns the schema as it follows from the types.
pub fn of<T: JsonSchema>(title: &str) -> Value {
    let mut schema = serde_json::to_value(schemars::schema_for!(T)).unwrap();
    as_parsed(&mut schema);
    let fields = schema["properties"].as_object_mut().unwrap();
    fields.insert("$schema".into(), json!({ "type": "string", "description": "Where this schema is." }));
    schema["title"] = title.into();
    schema
}

/// Compares the schema with the file at the top of the repository. Writes the file if `UPDATE_SCHEMA` is set.
#[expect(clippy::disallowed_methods, reason = "a test may read and write what is published")]
pub fn assert_published(file: &str, schema: &Value) {
    let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
    let current = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, current, "run the tests with UPDATE_SCHEMA=1 to write the new schema");
}

/// Fields that may be left out have no default to write down, and `null` is a fault.
fn as_parsed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("default");
            if let Some(Value::Array(kinds)) = fields.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [only] = kinds.as_slice() {
                    let only = only.clone();
                    fields.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(kinds)) = fields.get("anyOf")
                && kinds.iter().any(|kind| kind["type"] == "null")
            {
                let other = kinds.iter().find(|kind| kind["type"] != "null").cloned().unwrap();
                fields.remove("anyOf");
                fields.extend(other.as_object().unwrap().clone());
            }
            fields.values_mut().for_each(as_parsed);
        }
        Value::Array(items) => items.iter_mut().for_each(as_parsed),
        _ => {}
    }
}
