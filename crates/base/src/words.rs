//! How words of a configuration are refused: one wording for each mistake, nginx's where it has one.

use std::fmt::Display;

/// `unknown WHAT "WORD" in "DIRECTIVE" directive, it must be …`
pub fn unknown<'a>(
    what: &str,
    word: &str,
    directive: &str,
    legal: impl IntoIterator<Item = &'a str>,
) -> String {
    format!(
        "unknown {what} \"{word}\" in \"{directive}\" directive, {}",
        must_be(legal)
    )
}

/// `invalid value "WORD" in "DIRECTIVE" directive, it must be …`
pub fn invalid<'a>(
    word: &str,
    directive: &str,
    legal: impl IntoIterator<Item = &'a str>,
) -> String {
    format!(
        "invalid value \"{word}\" in \"{directive}\" directive, {}",
        must_be(legal)
    )
}

/// `invalid parameter "WORD" in "DIRECTIVE" directive`
pub fn invalid_parameter(word: &str, directive: &str) -> String {
    format!("invalid parameter \"{word}\" in \"{directive}\" directive")
}

/// `duplicate parameter "NAME" in "DIRECTIVE" directive`; of `name=value` only the name is shown,
/// since the value may be a secret.
pub fn duplicate(word: &str, directive: &str) -> String {
    let name = word.split('=').next().unwrap_or_default();
    format!("duplicate parameter \"{name}\" in \"{directive}\" directive")
}

/// Fills a slot that a directive may fill once.
///
/// # Errors
/// `"DIRECTIVE" directive is duplicate`
pub fn set_once<T>(slot: &mut Option<T>, value: T, directive: impl Display) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("\"{directive}\" directive is duplicate")),
    }
}

/// `it must be "a", "b" or "c"`
pub fn must_be<'a>(legal: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = legal
        .into_iter()
        .map(|word| format!("\"{word}\""))
        .collect();
    match quoted.split_last() {
        Some((last, [])) => format!("it must be {last}"),
        Some((last, others)) => format!("it must be {} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_words_are_listed() {
        assert_eq!(
            unknown("format", "x", "format", ["a", "b", "c"]),
            "unknown format \"x\" in \"format\" directive, it must be \"a\", \"b\" or \"c\""
        );
        assert_eq!(
            invalid("x", "match", ["a", "b"]),
            "invalid value \"x\" in \"match\" directive, it must be \"a\" or \"b\""
        );
        assert_eq!(must_be(["a"]), "it must be \"a\"");
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(
            duplicate("text=hunter2", "key"),
            "duplicate parameter \"text\" in \"key\" directive"
        );
    }

    #[test]
    fn a_slot_is_filled_once() {
        let mut slot = None;
        assert_eq!(set_once(&mut slot, 1, "x"), Ok(()));
        assert_eq!(
            set_once(&mut slot, 2, "x"),
            Err("\"x\" directive is duplicate".to_owned())
        );
    }
}
