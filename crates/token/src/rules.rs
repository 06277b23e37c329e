//! What a profile requires of the claims in a token: `issuer`, `audience` and `require`.

use gatehouse_base::json::{Kind, Value};
use gatehouse_base::words;

use crate::error::Error;

/// The way to a claim: names with points between (`realm_access.roles.0`), or a JSON Pointer (RFC 6901) for names that have
/// points themselves (`/https:~1~1example.com~1roles/0`). Items of arrays have numbers from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// Reads a path.
    ///
    /// # Errors
    /// A step is empty, a `~` is none of a JSON Pointer's.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(format!("invalid path \"{text}\" of a claim"));
        let steps: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer
                .split('/')
                .map(unescaped)
                .collect::<Option<_>>()
                .ok_or_else(bad)?,
            None => text.split('.').map(str::to_owned).collect(),
        };
        if steps.iter().any(String::is_empty) {
            return Err(bad());
        }
        Ok(Self(steps))
    }

    /// What the path leads to; `null` counts as nothing.
    pub(crate) fn find<'t>(&self, claims: Value<'t>) -> Option<Value<'t>> {
        let found = self
            .0
            .iter()
            .try_fold(claims, |value, step| value.step(step));
        found.filter(|value| value.kind() != Kind::Null)
    }

    /// The claim as text in memory that `room` gives: a text without its escapes, anything else as JSON has it. None when
    /// there is no such claim, or a byte is in it that no header and no log may have.
    pub fn text<'t>(
        &self,
        claims: Value<'t>,
        room: impl FnOnce(usize) -> Option<&'t mut [u8]>,
    ) -> Option<&'t [u8]> {
        let value = self.find(claims)?;
        let text = match value.text() {
            None => value.source(),
            Some(text) => match text.plain() {
                Some(plain) => plain,
                None => {
                    let out = room(text.max_len())?;
                    let len = text.write(out)?;
                    out.get(..len)?
                }
            },
        };
        let is_shown = |byte: &u8| *byte >= 0x20 && *byte != 0x7f;
        text.iter().all(is_shown).then_some(text)
    }
}

/// A step of a JSON Pointer.
fn unescaped(step: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = step.chars();
    while let Some(char) = chars.next() {
        out.push(match char {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

/// Something that must hold for the claims of a token.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    path: ClaimPath,
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Exists,
    /// It is one of these.
    Is(Vec<String>),
    /// An array with one of these, or a text of which one is a word between spaces, as in `scope` (RFC 8693).
    Contains(Vec<String>),
    /// It is one of these, or an array with one of them, as `aud` (RFC 7519 section 4.1.3).
    Audience(Vec<String>),
}

impl Rule {
    /// `issuer NAME …`
    pub(crate) fn issuer(names: &[&str]) -> Self {
        Self::of("iss", Test::Is(owned(names)))
    }

    /// `audience NAME …`
    pub(crate) fn audience(names: &[&str]) -> Self {
        Self::of("aud", Test::Audience(owned(names)))
    }

    fn of(claim: &str, test: Test) -> Self {
        Self {
            path: ClaimPath(vec![claim.to_owned()]),
            negated: false,
            test,
        }
    }

    /// `require PATH [not] =|in|contains|exists VALUE…`
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, Error> {
        let count = || Error::new("invalid number of arguments in \"require\" directive");
        let (path, rest) = words.split_first().ok_or_else(count)?;
        let path = ClaimPath::parse(path)
            .map_err(|error| Error::new(format!("{error} in \"require\" directive")))?;
        let (negated, rest) = match rest {
            ["not", rest @ ..] => (true, rest),
            _ => (false, rest),
        };
        let (operator, values) = rest.split_first().ok_or_else(count)?;
        let values = owned(values);
        let test = match (*operator, values.len()) {
            ("exists", 0) => Test::Exists,
            ("=", 1) => Test::Is(values),
            ("in", 1..) => Test::Is(values),
            ("contains", 1..) => Test::Contains(values),
            ("exists" | "=" | "in" | "contains", _) => return Err(count()),
            (other, _) => {
                let legal = ["=", "in", "contains", "exists"];
                return Err(words::unknown("operator", other, "require", legal).into());
            }
        };
        Ok(Self {
            path,
            negated,
            test,
        })
    }

    /// Whether it holds. Of a claim that is not there nothing holds but `not exists`.
    pub(crate) fn holds(&self, claims: Value<'_>) -> bool {
        let found = self.path.find(claims);
        let (Some(value), false) = (found, matches!(self.test, Test::Exists)) else {
            return found.is_some() != self.negated && matches!(self.test, Test::Exists);
        };
        let is_one = |value: Value<'_>, of: &[String]| of.iter().any(|one| is(value, one));
        let holds = match &self.test {
            Test::Exists => true,
            Test::Is(of) => is_one(value, of),
            Test::Audience(of) => is_one(value, of) || value.items().any(|item| is_one(item, of)),
            Test::Contains(of) => match value.kind() {
                Kind::Array => value.items().any(|item| is_one(item, of)),
                Kind::Text => value
                    .text()
                    .is_some_and(|text| of.iter().any(|word| text.has_word(word.as_bytes()))),
                _ => false,
            },
        };
        holds != self.negated
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Whether a value is this text, or a number or a truth value that is spelled so.
fn is(value: Value<'_>, text: &str) -> bool {
    match value.kind() {
        Kind::Text => value.text().is_some_and(|own| own.is(text.as_bytes())),
        Kind::Number | Kind::Bool => value.source() == text.as_bytes(),
        Kind::Object | Kind::Array | Kind::Null => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatehouse_base::json;

    const CLAIMS: &str = r#"{"sub":"a\/b","n":5,"yes":true,"no":null,"list":["x",7,{"y":"z"}],
        "scope":"read write","a.b/c":{"~":"odd"},"bad":"a\nb","del":"\u007f","wide":"\u00e9"}"#;

    fn holds(line: &str) -> bool {
        let words: Vec<&str> = line.split(' ').collect();
        let claims = json::parse(CLAIMS.as_bytes()).unwrap();
        Rule::parse(&words).unwrap().holds(claims)
    }

    #[test]
    fn requirements() {
        for line in [
            "sub exists",
            "none not exists",
            "no not exists",
            "sub = a/b",
            "n = 5",
            "yes = true",
            "sub in x a/b",
            "list contains x",
            "list contains 7",
            "list contains q x",
            "scope contains write",
            "scope contains admin read",
            "list.2.y = z",
            "list.1 in 6 7",
            "/a.b~1c/~0 = odd",
            "sub not = x",
            "list not contains y",
            "n not in 1 2",
        ] {
            assert!(holds(line), "{line}");
        }
        for line in [
            "none exists",
            "no exists",
            "sub not exists",
            "sub = a",
            "n = 5.0",
            "n = 05",
            "none = x",
            "none not = x",
            "none not in x",
            "none not contains x",
            "no = null",
            "sub in x y",
            "list = x",
            "list contains y",
            "list contains z",
            "scope contains rea",
            "scope contains read write2",
            "sub contains a",
            "n contains 5",
            "sub not = a/b",
            "list.3 exists",
            "list.x exists",
            "scope = read",
            "yes = 1",
        ] {
            let wanted = line == "scope contains read write2";
            assert_eq!(holds(line), wanted, "{line}");
        }
    }

    #[test]
    fn words_are_found_however_a_text_is_written() {
        for (claims, word, wanted) in [
            (r#"{"s":"read adm\u0069n"}"#, "admin", true),
            (r#"{"s":"adm\u0069n\u0020read"}"#, "admin", true),
            (r#"{"s":"\u0061\u0064min read"}"#, "admin", true),
            (r#"{"s":"x\u0020admin"}"#, "admin", true),
            (
                r#"{"s":"a https:\/\/a.test\/x b"}"#,
                "https://a.test/x",
                true,
            ),
            (r#"{"s":"https:\/\/a.test\/x"}"#, "https://a.test", false),
            (r#"{"s":"adm\u0069ns"}"#, "admin", false),
            (r#"{"s":"x\u0061dmin"}"#, "admin", false),
            (r#"{"s":"adm\u0069 n"}"#, "admin", false),
            (r#"{"s":"adm\u0069\tn"}"#, "admin", false),
            (r#"{"s":"admin\tread"}"#, "admin", false),
            (r#"{"s":"admi\u006e\u00a0x"}"#, "admin", false),
        ] {
            let claims_of = json::parse(claims.as_bytes()).unwrap();
            let rule = Rule::parse(&["s", "contains", word]).unwrap();
            assert_eq!(rule.holds(claims_of), wanted, "{claims}");
            let rule = Rule::parse(&["s", "not", "contains", word]).unwrap();
            assert_eq!(rule.holds(claims_of), !wanted, "not: {claims}");
        }
    }

    #[test]
    fn an_audience_is_one_or_many() {
        for (claims, wanted) in [
            (r#"{"aud":"edge"}"#, true),
            (r#"{"aud":["x","edge"]}"#, true),
            (r#"{"aud":["x"]}"#, false),
            (r#"{"aud":"edge x"}"#, false),
            (r#"{"aud":[["edge"]]}"#, false),
            (r#"{"aud":{"edge":"edge"}}"#, false),
            (r#"{"aud":[]}"#, false),
            ("{}", false),
        ] {
            let claims_of = json::parse(claims.as_bytes()).unwrap();
            assert_eq!(
                Rule::audience(&["edge"]).holds(claims_of),
                wanted,
                "{claims}"
            );
        }
        let claims = json::parse(br#"{"iss":["a"],"x":1}"#).unwrap();
        assert!(!Rule::issuer(&["a"]).holds(claims));
    }

    #[test]
    fn bad_lines_are_refused() {
        let refused = |line: &str| {
            let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
            Rule::parse(&words).err().unwrap().to_string()
        };
        for line in [
            "",
            "sub",
            "sub not",
            "sub =",
            "sub = a b",
            "sub exists x",
            "sub in",
            "sub contains",
        ] {
            assert_eq!(
                refused(line),
                "invalid number of arguments in \"require\" directive",
                "{line}"
            );
        }
        for path in ["a..b", ".a", "a.", "/", "//", "/~", "/~2", "/a/"] {
            assert_eq!(
                refused(&format!("{path} exists")),
                format!("invalid path \"{path}\" of a claim in \"require\" directive")
            );
        }
        assert_eq!(
            refused("sub ~ x"),
            "unknown operator \"~\" in \"require\" directive, it must be \"=\", \"in\", \"contains\" or \"exists\""
        );
    }

    #[test]
    fn claims_as_text() {
        let text = |path: &str| {
            let claims = json::parse(CLAIMS.as_bytes()).unwrap();
            let path = ClaimPath::parse(path).unwrap();
            let text = path.text(claims, |len| Some(vec![0; len].leak()));
            text.map(|text| String::from_utf8(text.to_vec()).unwrap())
        };
        for (path, wanted) in [
            ("sub", "a/b"),
            ("n", "5"),
            ("yes", "true"),
            ("list.0", "x"),
            ("list.2.y", "z"),
            ("list", "[\"x\",7,{\"y\":\"z\"}]"),
            ("wide", "é"),
        ] {
            assert_eq!(text(path).as_deref(), Some(wanted), "{path}");
        }
        for path in ["no", "none", "bad", "del", "list.9", "sub.x"] {
            assert_eq!(text(path), None, "{path}");
        }
        let claims = json::parse(CLAIMS.as_bytes()).unwrap();
        let path = ClaimPath::parse("sub").unwrap();
        assert_eq!(path.text(claims, |_| None), None, "memory is short");
    }
}
