//! The words of a profile that only some schemes take, as options of a command: `--message TEXT`.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use gatehouse_token::SCHEMES;

/// An option for each such word, named like it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SchemeOptions(Vec<(&'static str, String)>);

/// A word that is given.
pub(crate) struct Given<'a> {
    pub(crate) word: &'static str,
    pub(crate) value: &'a str,
}

impl SchemeOptions {
    /// What is given, in the order of the schemes' rows.
    pub(crate) fn given(&self) -> Vec<Given<'_>> {
        let rows = self.0.iter();
        rows.map(|(word, value)| Given { word, value }).collect()
    }

    /// What is given for a word.
    pub(crate) fn get(&self, word: &str) -> Option<&str> {
        let mut rows = self.0.iter();
        rows.find(|row| row.0 == word).map(|row| row.1.as_str())
    }
}

/// The words, each once, and the schemes that take it.
fn words() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut words: Vec<(&'static str, Vec<&'static str>)> = vec![("encoding", Vec::new())];
    for scheme in SCHEMES {
        // Keys come from --key-file.
        for option in scheme.options.iter().filter(|one| one.word != "jwks") {
            match words.iter_mut().find(|row| row.0 == option.word) {
                Some(row) => row.1.push(scheme.name),
                None => words.push((option.word, vec![scheme.name])),
            }
        }
    }
    words
}

impl Args for SchemeOptions {
    fn augment_args(command: Command) -> Command {
        words().into_iter().fold(command, |command, (word, takers)| {
            let mut help = format!("{}: the configuration's {word}", takers.join(", "));
            if word == "message" {
                help += ", in single quotes. Its variables take their values from --url, --address, \
                         --header and --var; one without value is refused";
            }
            if word == "encoding" {
                help = match takers.as_slice() {
                    [] => "Another name of --key-encoding".to_owned(),
                    _ => help + ". For others another name of --key-encoding",
                };
            }
            let option = Arg::new(word).long(word).value_name("TEXT").help(help);
            command.arg(option)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SchemeOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = words().into_iter().filter_map(|(word, _)| {
            let value = matches.get_one::<String>(word)?;
            Some((word, value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
