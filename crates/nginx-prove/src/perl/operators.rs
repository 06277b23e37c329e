//! Perl's operators on values.

use super::Value;

const MAX_BYTES: usize = 64 << 20;

fn integer(value: &Value) -> Result<i64, String> {
    let text = value.text()?;
    text.parse()
        .map_err(|_| format!("`{text}` is not a whole number"))
}

/// Whole-number arithmetic, refused where it would overflow.
pub(super) fn arithmetic(
    left: &Value,
    right: &Value,
    op: fn(i64, i64) -> Option<i64>,
) -> Result<Value, String> {
    let result = op(integer(left)?, integer(right)?).ok_or("number out of range")?;
    Ok(Value::Str(result.to_string().into_bytes()))
}

/// The operator `x`.
pub(super) fn repeat(value: &Value, count: &Value) -> Result<Value, String> {
    let bytes = value.bytes()?;
    let count = usize::try_from(integer(count)?.max(0)).map_err(|e| e.to_string())?;
    match bytes.len().checked_mul(count) {
        Some(total) if total <= MAX_BYTES && count <= MAX_BYTES => {
            Ok(Value::Str(bytes.repeat(count)))
        }
        _ => Err("`x` makes more than 64 MiB".into()),
    }
}
