//! The tables, in Markdown.

use crate::measure::Figures;
use crate::rows::Row;

/// Every row.
pub(crate) fn full(rows: &[&Row], figures: &Figures) -> String {
    let mut table = String::from(
        "| row | work | base | with Gatehouse | Gatehouse adds | goal | another module | it adds |\n\
         |---|---|---:|---:|---:|---:|---|---:|\n",
    );
    for row in rows {
        let base = figures.of(row, &row.base);
        let ours = figures.of(row, &row.ours);
        let (name, adds) = peer(row, figures);
        table.push_str(&format!(
            "| `{}` | {} | {} | {} | {} | {} | {name} | {adds} |\n",
            row.name,
            row.title,
            number(base),
            number(ours),
            added(base, ours),
            row.goal,
        ));
    }
    table
}

/// The main rows, without what both sides have in common.
pub(crate) fn short(rows: &[&Row], figures: &Figures) -> String {
    let mut table =
        String::from("| work | Gatehouse adds | another module | it adds |\n|---|---:|---|---:|\n");
    for row in rows.iter().filter(|row| row.main) {
        let (name, adds) = peer(row, figures);
        table.push_str(&format!(
            "| {} | {} | {name} | {adds} |\n",
            row.title,
            added(figures.of(row, &row.base), figures.of(row, &row.ours)),
        ));
    }
    table
}

/// The other module's name and what it adds to the same base.
fn peer(row: &Row, figures: &Figures) -> (&'static str, String) {
    let Some((name, side)) = &row.peer else {
        return ("", String::new());
    };
    let cost = figures.of(row, side);
    if cost.is_none() {
        return (name, "SKIP: not built".to_owned());
    }
    (name, added(figures.of(row, &row.base), cost))
}

fn added(base: Option<i64>, with: Option<i64>) -> String {
    match (base, with) {
        (Some(base), Some(with)) if with >= base => format!("+{}", number(Some(with - base))),
        (Some(base), Some(with)) => format!("−{}", number(Some(base - with))),
        _ => String::new(),
    }
}

/// With a comma at each thousand.
fn number(n: Option<i64>) -> String {
    let digits = n.map(|n| n.to_string()).unwrap_or_default();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{added, number};

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(number(Some(12)), "12");
        assert_eq!(number(Some(1234)), "1,234");
        assert_eq!(number(Some(123_456)), "123,456");
        assert_eq!(added(Some(1000), Some(3000)), "+2,000");
        assert_eq!(added(Some(3000), Some(1000)), "−2,000");
    }
}
