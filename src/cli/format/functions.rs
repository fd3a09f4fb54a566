//! The functions that docker adds to Go's templates, and for headers those that leave a title as it is.
//! See <https://docs.docker.com/engine/cli/formatting/>.

use gtmpl_ng::{Func, FuncError, Value, from_value, funcs};

use super::value::to_json;

pub(super) type Functions = [(&'static str, Func)];

pub(super) const FOR_ROWS: &Functions = &[
    ("index", index),
    ("join", join),
    ("json", json),
    ("label", label),
    ("lower", lower),
    ("pad", pad),
    ("split", split),
    ("title", title),
    ("truncate", truncate),
    ("upper", upper),
];

/// `pad` is as for rows: what aligns them aligns their title.
pub(super) const FOR_HEADERS: &Functions = &[
    ("index", index),
    ("join", unchanged),
    ("json", unchanged),
    ("label", label_title),
    ("lower", unchanged),
    ("pad", pad),
    ("split", unchanged),
    ("title", unchanged),
    ("truncate", unchanged),
    ("upper", unchanged),
];

type Outcome = Result<Value, FuncError>;

/// Go's, which finds an empty text, not nothing, where a map of texts has no such key.
fn index(arguments: &[Value]) -> Outcome {
    let found = funcs::index(arguments)?;
    match (&found, arguments.first()) {
        (Value::NoValue, Some(Value::Map(map))) if map.values().all(|value| matches!(value, Value::String(_))) => {
            Ok(Value::from(""))
        }
        _ => Ok(found),
    }
}

fn join(arguments: &[Value]) -> Outcome {
    let [Value::Array(items), Value::String(separator)] = arguments else { return wants("join", "a list and a text") };
    let texts: Vec<String> = items.iter().map(Value::to_string).collect();
    Ok(Value::from(texts.join(separator)))
}

fn json(arguments: &[Value]) -> Outcome {
    let [value] = arguments else { return wants("json", "one value") };
    Ok(Value::from(to_json(value).to_string()))
}

/// `label $ "key"`, from a row's `key=value,…`. A comma in a value can't be told from that before the next label.
fn label(arguments: &[Value]) -> Outcome {
    let [Value::Object(row), Value::String(key)] = arguments else { return wants("Label", "a text") };
    let Some(Value::String(labels)) = row.get("Labels") else { return wants("Label", "what has labels") };
    let mut pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    Ok(Value::from(pairs.find(|(found, _)| found == key).map_or("", |(_, value)| value)))
}

/// The column's title is the key.
fn label_title(arguments: &[Value]) -> Outcome {
    Ok(arguments.get(1).cloned().unwrap_or(Value::NoValue))
}

fn lower(arguments: &[Value]) -> Outcome {
    let [Value::String(text)] = arguments else { return wants("lower", "a text") };
    Ok(Value::from(text.to_lowercase()))
}

fn upper(arguments: &[Value]) -> Outcome {
    let [Value::String(text)] = arguments else { return wants("upper", "a text") };
    // As in Go, a letter becomes one letter: ß stays.
    Ok(Value::from(text.chars().map(upper_letter).collect::<String>()))
}

fn upper_letter(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    if upper.len() == 1 { upper.next().unwrap_or(letter) } else { letter }
}

/// Blanks on both sides, but of nothing.
fn pad(arguments: &[Value]) -> Outcome {
    let [Value::String(text), before, after] = arguments else { return wants("pad", "a text and two numbers") };
    let (Some(before), Some(after)) = (length(before), length(after)) else {
        return wants("pad", "a text and two numbers");
    };
    let padded = if text.is_empty() { String::new() } else { format!("{:before$}{text}{:after$}", "", "") };
    Ok(Value::from(padded))
}

fn split(arguments: &[Value]) -> Outcome {
    let [Value::String(text), Value::String(separator)] = arguments else { return wants("split", "two texts") };
    if separator.is_empty() {
        return Ok(Value::Array(text.chars().map(|letter| Value::from(letter.to_string())).collect()));
    }
    Ok(Value::Array(text.split(separator.as_str()).map(Value::from).collect()))
}

/// Every word's first letter in upper case. Words end where Go's `strings.Title` says, at `-` and `'` too.
fn title(arguments: &[Value]) -> Outcome {
    let [Value::String(text)] = arguments else { return wants("title", "a text") };
    let mut before = ' ';
    let titled: String = text
        .chars()
        .map(|letter| {
            let starts = ends_word(std::mem::replace(&mut before, letter));
            if starts { upper_letter(letter) } else { letter }
        })
        .collect();
    Ok(Value::from(titled))
}

fn ends_word(letter: char) -> bool {
    if letter.is_ascii() { !letter.is_ascii_alphanumeric() && letter != '_' } else { letter.is_whitespace() }
}

fn truncate(arguments: &[Value]) -> Outcome {
    let [Value::String(text), most] = arguments else { return wants("truncate", "a text and a number") };
    let Some(most) = length(most) else { return wants("truncate", "a text and a number") };
    Ok(Value::from(text.chars().take(most).collect::<String>()))
}

/// For headers: the title, whatever would be done with a row's field.
fn unchanged(arguments: &[Value]) -> Outcome {
    Ok(arguments.first().cloned().unwrap_or(Value::NoValue))
}

/// No more than Rust's formatter pads.
fn length(value: &Value) -> Option<usize> {
    from_value::<u64>(value).and_then(|length| u16::try_from(length).ok()).map(usize::from)
}

fn wants(function: &str, what: &str) -> Outcome {
    Err(FuncError::Generic(format!("{function} wants {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_blanks_than_can_be_are_refused() {
        let pad_by = |blanks: u64| pad(&[Value::from("a"), Value::from(blanks), Value::from(0_u64)]);
        assert_eq!(pad_by(65_535).unwrap().to_string().len(), 65_536);
        assert!(pad_by(65_536).is_err());
    }
}
