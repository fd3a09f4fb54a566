//! JSON as Go sees docker's data: what is a struct, what a map, and what null is. Not what is in it.

use std::collections::HashMap;

use gtmpl_ng::{FuncError, Function, Number, NumberKind, Value};
use serde_json::{Map, Value as Json};

/// What a null of docker's becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Nulls {
    /// Null.
    Kept,
    /// The empty list or map that Go takes it for.
    Empty,
}

/// Maps of Go's, also if their keys look like a struct's fields.
const MAPS: [&str; 13] = [
    "Annotations",
    "Data",
    "DriverOpts",
    "ExposedPorts",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];
/// What can be null and is no list: pointers.
const POINTERS: [&str; 9] = [
    "Health",
    "Healthcheck",
    "IPAMConfig",
    "Init",
    "MemorySwappiness",
    "OomKillDisable",
    "PidsLimit",
    "Platform",
    "StopTimeout",
];

/// A row or an object.
pub(super) fn of(json: &Json, nulls: Nulls) -> Value {
    named("", json, nulls)
}

/// The columns' titles, as the row of a table's header.
pub(super) fn of_titles(titles: &[(&str, &str)]) -> Value {
    Value::Map(titles.iter().map(|(field, title)| ((*field).to_owned(), Value::from(*title))).collect())
}

fn named(name: &str, json: &Json, nulls: Nulls) -> Value {
    match json {
        Json::Null if nulls == Nulls::Kept || POINTERS.contains(&name) => Value::Nil,
        Json::Null if MAPS.contains(&name) => Value::Map(HashMap::new()),
        Json::Null => Value::Array(Vec::new()),
        Json::Bool(is) => Value::Bool(*is),
        Json::Number(number) => Value::Number(of_number(number)),
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::Array(items.iter().map(|item| named("", item, nulls)).collect()),
        Json::Object(object) => {
            let fields = object.iter().map(|(key, value)| (key.clone(), named(key, value, nulls))).collect();
            if is_map(name, object) { Value::Map(fields) } else { Value::Object(with_more(name, fields)) }
        }
    }
}

fn of_number(number: &serde_json::Number) -> Number {
    match (number.as_u64(), number.as_i64()) {
        (Some(unsigned), _) => Number::unsigned(unsigned),
        (_, Some(signed)) => Number::signed(signed),
        _ => Number::float(number.as_f64().unwrap_or_default()),
    }
}

/// Fields of structs begin in upper case.
fn is_map(name: &str, object: &Map<String, Json>) -> bool {
    let is_field = |key: &String| key.starts_with(|first: char| first.is_ascii_uppercase());
    MAPS.contains(&name) || object.is_empty() || !object.keys().all(is_field)
}

/// Structs and fields of theirs that are not in the JSON while nothing is in them. A template may ask for them.
const OMITTED: [(&str, &str); 2] = [("State", "Health"), ("Config", "Healthcheck")];

/// What templates may ask of docker's types beside the fields in the JSON, as functions: `to_json` leaves these out.
fn with_more(name: &str, mut fields: HashMap<String, Value>) -> HashMap<String, Value> {
    for (_, field) in OMITTED.iter().filter(|(owner, _)| *owner == name) {
        fields.entry((*field).to_owned()).or_insert(Value::Function(Function { f: absent }));
    }
    if fields.contains_key("Id") && !fields.contains_key("ID") {
        fields.insert("ID".to_owned(), Value::Function(Function { f: id }));
    }
    fields
}

fn absent(_object: &[Value]) -> Result<Value, FuncError> {
    Ok(Value::Nil)
}

/// `.ID`, which is `Id` in JSON.
fn id(arguments: &[Value]) -> Result<Value, FuncError> {
    let Some(Value::Object(fields)) = arguments.first() else { return Ok(Value::NoValue) };
    Ok(fields.get("Id").cloned().unwrap_or(Value::NoValue))
}

/// Back again, without functions.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil | Value::NoValue | Value::Function(_) => Json::Null,
        Value::Bool(is) => Json::from(*is),
        Value::String(text) => Json::from(text.as_str()),
        Value::Number(number) => match number.kind() {
            NumberKind::Unsigned(number) => Json::from(number),
            NumberKind::Signed(number) => Json::from(number),
            NumberKind::Float(number) => Json::from(number),
        },
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Object(fields) | Value::Map(fields) => fields
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Function(_)))
            .map(|(key, value)| (key.clone(), to_json(value)))
            .collect(),
    }
}

/// The sorted fields of the object that prints so, wherever it is in the data.
pub(super) fn fields_of(data: &Value, printed: &str) -> Option<Vec<String>> {
    match data {
        Value::Object(fields) if data.to_string() == printed => {
            let mut names: Vec<String> = fields.keys().cloned().collect();
            names.sort();
            Some(names)
        }
        Value::Object(fields) | Value::Map(fields) => fields.values().find_map(|value| fields_of(value, printed)),
        Value::Array(items) => items.iter().find_map(|value| fields_of(value, printed)),
        _ => None,
    }
}
