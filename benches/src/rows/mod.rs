//! What is measured: one file of rows for each file in benches/conf.

mod digest;
mod geo;
mod idle;
mod lookup;
mod token;

use crate::load::Load;

/// One nginx of a row: the words that choose its lines, and what it answers.
pub struct Side {
    pub words: &'static [&'static str],
    pub status: u16,
}

/// One row of the table.
pub struct Row {
    pub name: &'static str,
    pub title: &'static str,
    /// The text of its file in benches/conf.
    pub conf: &'static str,
    pub load: Load,
    /// The same location in an nginx that has not loaded the module.
    pub base: Side,
    pub ours: Side,
    /// Another module that does the same work, in the same place.
    pub peer: Option<(&'static str, Side)>,
    /// How many times each side is measured. Where much is allocated the heap's gaps matter.
    pub times: usize,
    /// What the project wants to reach, if it has said so.
    pub goal: &'static str,
    /// Whether the short table has it.
    pub main: bool,
}

impl Row {
    /// What is the same in most rows.
    const USUAL: Self = Self {
        name: "",
        title: "",
        conf: "",
        load: Load::Plain,
        base: answers(200, &["base"]),
        ours: answers(200, &["ours"]),
        peer: None,
        times: 1,
        goal: "",
        main: false,
    };

    pub fn sides(&self) -> Vec<&Side> {
        let peer = self.peer.as_ref().map(|(_, side)| side);
        [&self.base, &self.ours].into_iter().chain(peer).collect()
    }
}

const fn answers(status: u16, words: &'static [&'static str]) -> Side {
    Side { words, status }
}

/// The rows with these names; all of them when there are no names.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Row>, String> {
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
