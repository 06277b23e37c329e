//! The HTTP statuses a configuration may answer a refusal with.

/// Reads an HTTP status a refusal may have: 400–599 except 408 and 499 (nginx closes or logs these
/// without an answer), or 444 (close the connection).
pub fn parse(text: &str) -> Option<u16> {
    if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = text.parse().ok()?;
    matches!(number, 400..=407 | 409..=498 | 500..=599).then_some(number)
}

/// What a configuration hears about a status that [`parse`] does not take.
pub fn invalid(text: &str, directive: &str) -> String {
    format!(
        "invalid value \"{text}\" in \"{directive}\" directive, it must be between 400 and 599, and neither 408 nor 499"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_an_answer() {
        let good: Vec<u16> = (0..1000)
            .filter(|n| parse(&n.to_string()).is_some())
            .collect();
        let want: Vec<u16> = (400..600).filter(|n| ![408, 499].contains(n)).collect();
        assert_eq!(good, want);
        for bad in [
            "",
            "4o3",
            "+403",
            "0403",
            " 403",
            "403 ",
            "99999999999999999999",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(invalid("4o3", "geoip_status").contains("\"4o3\" in \"geoip_status\""));
    }
}
