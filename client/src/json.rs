//! JSON as JavaScript's `JSON.stringify` prints it, because Nosana's own service pins that: compact,
//! keys in insertion order with integer-like ones first, numbers in JavaScript's form.

use serde_json::{Map, Number, Value};

/// Prints JSON as JavaScript's `JSON.stringify` does.
pub fn stringify(value: &Value) -> String {
    let mut out = String::new();
    print(&mut out, value);
    out
}

fn print(out: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                separate(out, position);
                print(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (position, (key, member)) in in_javascript_order(members).into_iter().enumerate() {
                separate(out, position);
                // serde_json escapes strings exactly as JavaScript does.
                out.push_str(&Value::from(key).to_string());
                out.push(':');
                print(out, member);
            }
            out.push('}');
        }
        Value::Number(number) => print_number(out, number),
        other => out.push_str(&other.to_string()),
    }
}

fn separate(out: &mut String, position: usize) {
    if position > 0 {
        out.push(',');
    }
}

/// Integer-like keys first, ascending; then the others as they came.
fn in_javascript_order(members: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut ordered: Vec<_> = members
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    ordered.sort_by_key(|(key, _)| array_index(key).map_or((1, 0), |index| (0, index)));
    ordered
}

/// JavaScript's array index: the canonical decimal of 0 to 2^32 - 2.
fn array_index(key: &str) -> Option<u32> {
    let index: u32 = key.parse().ok()?;
    (index != u32::MAX && index.to_string() == key).then_some(index)
}

/// JavaScript's `Number::toString`: every number is a double.
fn print_number(out: &mut String, number: &Number) {
    let value = number.as_f64().unwrap_or(f64::NAN);
    if !value.is_finite() {
        return out.push_str("null");
    }
    out.push_str(ryu_js::Buffer::new().format_finite(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_printed_as_javascript_prints_it() {
        // Right: what node 20 prints for JSON.stringify(JSON.parse(left)).
        let cases = [
            ("1.0", "1"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("-1.50", "-1.5"),
            ("100", "100"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("123456789012345680000", "123456789012345680000"),
            ("9007199254740993", "9007199254740992"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.5e-9", "1.5e-9"),
            ("0.1", "0.1"),
            (
                r#"{"b":1,"10":2,"a":3,"2":4,"01":5}"#,
                r#"{"2":4,"10":2,"b":1,"a":3,"01":5}"#,
            ),
            (
                r#"["\u0001\n\"\\/é\u007f"]"#,
                "[\"\\u0001\\n\\\"\\\\/é\u{7f}\"]",
            ),
            ("[null, true,\tfalse, {}]", "[null,true,false,{}]"),
        ];
        for (input, expected) in cases {
            let value: Value = serde_json::from_str(input).unwrap();
            assert_eq!(stringify(&value), expected, "{input}");
        }
    }
}
