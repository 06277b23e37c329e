//! What is measured: one file of rows for each file in benches/conf.

mod digest;
mod geo;
mod idle;
mod lookup;
mod row;
mod token;

pub(crate) use row::{Row, Side, Work};

/// The rows with these names; all of them when there are no names.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<&'static Row>, String> {
    let families = [
        idle::ROWS,
        digest::ROWS,
        token::ROWS,
        geo::ROWS,
        lookup::ROWS,
    ];
    let all: Vec<&'static Row> = families.into_iter().flatten().collect();
    if let Some(name) = names
        .iter()
        .find(|name| all.iter().all(|r| r.name != **name))
    {
        return Err(format!("there is no row {name:?}"));
    }
    let wanted = |row: &&Row| names.is_empty() || names.iter().any(|name| name == row.name);
    Ok(all.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::chosen;

    #[test]
    fn bases_have_nothing_of_ours() {
        for row in chosen(&[]).unwrap() {
            assert!(!row.base.words.contains(&"ours"), "{}", row.name);
            assert!(row.ours.words.contains(&"ours"), "{}", row.name);
        }
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let rows = chosen(&[]).unwrap();
        for row in &rows {
            assert_eq!(
                rows.iter().filter(|other| other.name == row.name).count(),
                1
            );
        }
        assert!(chosen(&["nothing".to_owned()]).is_err());
    }
}
