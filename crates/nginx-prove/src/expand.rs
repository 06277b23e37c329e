//! `$TEST_NGINX_NAME` in section values.

use std::collections::BTreeMap;

use bstr::ByteSlice;

use crate::perl::Value;

const PREFIX: &str = "TEST_NGINX_";

/// Names the runner sets itself; a prologue's default for one is ignored.
#[must_use]
pub fn is_built_in(name: &str) -> bool {
    matches!(
        name.strip_prefix(PREFIX).unwrap_or(""),
        "HTML_DIR"
            | "SERVROOT"
            | "SERVER_ROOT"
            | "SERVER_PORT"
            | "CLIENT_PORT"
            | "PORT"
            | "WS_PORT"
    )
}

/// Replaces every `$TEST_NGINX_NAME` and `${TEST_NGINX_NAME}`, also `$ServerPort` and `$ServerPortForClient`.
///
/// # Errors
/// A name without a value.
pub fn bytes(input: &[u8], names: &BTreeMap<String, String>) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some(at) = rest.find_byte(b'$') {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        match reference(from) {
            Some((name, len)) => {
                let value = names.get(&name).ok_or_else(|| {
                    format!("${name} is not defined (use --set or the environment)")
                })?;
                out.extend_from_slice(value.as_bytes());
                rest = from.get(len..).unwrap_or_default();
            }
            None => {
                out.push(b'$');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// The name at the start of `text`, which begins with `$`, and the length of the whole reference.
fn reference(text: &[u8]) -> Option<(String, usize)> {
    let after = text.get(1..)?;
    let braced = after.strip_prefix(b"{");
    let body = braced.unwrap_or(after);
    let len = if body.starts_with(PREFIX.as_bytes()) {
        body.iter()
            .take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b'_')
            .count()
    } else {
        ["ServerPortForClient", "ServerPort"]
            .iter()
            .find(|name| body.starts_with(name.as_bytes()) && !word_at(body, name.len()))
            .map(|name| name.len())?
    };
    let name = String::from_utf8_lossy(body.get(..len)?).into_owned();
    let name = if name.starts_with(PREFIX) {
        name
    } else {
        "TEST_NGINX_SERVER_PORT".to_owned()
    };
    match braced {
        Some(_) if body.get(len) != Some(&b'}') => None,
        Some(_) => Some((name, len.saturating_add(3))),
        None => Some((name, len.saturating_add(1))),
    }
}

fn word_at(text: &[u8], at: usize) -> bool {
    text.get(at)
        .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// Expands a whole value, except patterns.
///
/// # Errors
/// As [`bytes`].
pub fn value(input: &Value, names: &BTreeMap<String, String>) -> Result<Value, String> {
    Ok(match input {
        Value::Undef => Value::Undef,
        Value::Str(text) => Value::Str(bytes(text, names)?),
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| value(item, names))
                .collect::<Result<_, _>>()?,
        ),
        Value::Map(pairs) => {
            let expanded = pairs
                .iter()
                .map(|(key, item)| Ok((key.clone(), value(item, names)?)))
                .collect::<Result<_, String>>()?;
            Value::Map(expanded)
        }
        // In `qr` a name would have been Perl's to expand.
        Value::Regex(pattern) => Value::Regex(pattern.clone()),
    })
}

/// The numbers `n` of every `$TEST_NGINX_RAND_PORT_n` in a value.
pub fn random_ports(input: &Value, found: &mut std::collections::BTreeSet<String>) {
    match input {
        Value::Str(text) => {
            for at in text.find_iter("TEST_NGINX_RAND_PORT_") {
                let name = text.get(at..).unwrap_or_default();
                let len = name
                    .iter()
                    .take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b'_')
                    .count();
                found.insert(
                    String::from_utf8_lossy(name.get(..len).unwrap_or_default()).into_owned(),
                );
            }
        }
        Value::List(items) => items.iter().for_each(|item| random_ports(item, found)),
        Value::Map(pairs) => pairs.iter().for_each(|(_, item)| random_ports(item, found)),
        Value::Undef | Value::Regex(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_names() {
        let names = BTreeMap::from([
            ("TEST_NGINX_A".to_owned(), "1".to_owned()),
            ("TEST_NGINX_SERVER_PORT".to_owned(), "80".to_owned()),
        ]);
        assert_eq!(
            bytes(b"$TEST_NGINX_A;${TEST_NGINX_A}x $uri $", &names).unwrap(),
            b"1;1x $uri $"
        );
        assert_eq!(
            bytes(b"$ServerPort $ServerPortForClient $ServerPorts", &names).unwrap(),
            b"80 80 $ServerPorts"
        );
        assert!(
            bytes(b"$TEST_NGINX_B", &names)
                .unwrap_err()
                .contains("TEST_NGINX_B is not defined")
        );
    }

    #[test]
    fn finds_random_ports() {
        let mut found = std::collections::BTreeSet::new();
        random_ports(
            &Value::List(vec![Value::Str(
                b"a $TEST_NGINX_RAND_PORT_1; $TEST_NGINX_RAND_PORT_12".to_vec(),
            )]),
            &mut found,
        );
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["TEST_NGINX_RAND_PORT_1", "TEST_NGINX_RAND_PORT_12"]
        );
    }
}
