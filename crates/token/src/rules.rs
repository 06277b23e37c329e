//! What a profile requires of the claims in a token: `issuer`, `audience` and `require`.

use gatehouse_base::json::{self, Kind, Value};
use gatehouse_base::words;

use crate::error::Error;
use crate::number;

/// The way to a claim: names with points between (`realm_access.roles.0`), or a JSON Pointer (RFC 6901) for names that have
/// points themselves (`/https:~1~1example.com~1roles/0`). Items of arrays have numbers from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// Reads a path.
    ///
    /// # Errors
    /// A step is empty, a `~` is none of a JSON Pointer's; a URL, whose points would part it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(format!("invalid path \"{text}\" of a claim"));
        if text.contains('/') && text.contains('.') && !text.starts_with('/') {
            let name = text.replace('~', "~0").replace('/', "~1");
            return Err(Error::new(format!("{} (write \"/{name}\")", bad())));
        }
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
    Is(Vec<Wanted>),
    /// An array with one of these, or a text of which one is a word between spaces, as in `scope` (RFC 8693).
    Contains(Vec<Wanted>),
    /// It is one of these, or an array with one of them, as `aud` (RFC 7519 section 4.1.3).
    Audience(Vec<Wanted>),
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

    /// Whether it holds. Of a claim that is not there nothing holds but `not exists`, and of one that the test cannot judge
    /// nothing.
    pub(crate) fn holds(&self, claims: Value<'_>) -> bool {
        let found = self.path.find(claims);
        let (Some(value), false) = (found, matches!(self.test, Test::Exists)) else {
            return found.is_some() != self.negated && matches!(self.test, Test::Exists);
        };
        let passes = match &self.test {
            Test::Exists => Some(true),
            Test::Is(of) => is_one(value, of),
            Test::Audience(of) => match value.kind() {
                Kind::Array => has_one(value, of),
                _ => is_one(value, of),
            },
            Test::Contains(of) => match value.kind() {
                Kind::Array => has_one(value, of),
                Kind::Text => value.text().map(|text| {
                    let mut words = of.iter();
                    words.any(|word| text.has_word(word.text.as_bytes()))
                }),
                _ => None,
            },
        };
        passes.is_some_and(|passes| passes != self.negated)
    }
}

/// A value of a line.
#[derive(Clone, Debug)]
struct Wanted {
    text: String,
    /// What it is when it stands in JSON without quotes: a number, or a truth value.
    kind: Option<Kind>,
}

impl Wanted {
    fn new(text: &str) -> Self {
        let value = json::parse(text.as_bytes()).filter(|value| value.source() == text.as_bytes());
        let kind = value.map(Value::kind);
        Self {
            text: text.to_owned(),
            kind: kind.filter(|kind| matches!(kind, Kind::Number | Kind::Bool)),
        }
    }

    /// Whether a value is this text, or a number or a truth value that is worth as much; None when these cannot be
    /// compared.
    fn is(&self, value: Value<'_>) -> Option<bool> {
        let text = self.text.as_bytes();
        match value.kind() {
            Kind::Text => value.text().map(|own| own.is(text)),
            kind if self.kind != Some(kind) => None,
            Kind::Number => number::same(value.source(), text),
            _ => Some(value.source() == text),
        }
    }
}

fn owned(words: &[&str]) -> Vec<Wanted> {
    words.iter().map(|&word| Wanted::new(word)).collect()
}

/// Whether a value is one of these. None when it can be compared with none of them, or may be one after all.
fn is_one(value: Value<'_>, of: &[Wanted]) -> Option<bool> {
    let (mut is_other, mut is_doubted) = (None, false);
    for one in of {
        match one.is(value) {
            Some(true) => return Some(true),
            Some(false) => is_other = Some(false),
            // Numbers that floating point cannot tell apart.
            None if one.kind == Some(Kind::Number) && value.kind() == Kind::Number => {
                is_doubted = true
            }
            None => {}
        }
    }
    is_other.filter(|_| !is_doubted)
}

/// Whether an item of an array is one of these; None when that cannot be said of each.
fn has_one(array: Value<'_>, of: &[Wanted]) -> Option<bool> {
    let mut found = Some(false);
    for item in array.items() {
        match is_one(item, of) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => found = None,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: &str = r#"{"sub":"a\/b","n":5,"yes":true,"no":null,"list":["x",7,{"y":"z"}],"few":["x","q"],
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
            "n = 5.0",
            "n in 4 0.5e1",
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
            "few not contains y",
            "n not in 1 2",
            "n not in 1 admin",
            "n not = 5.5",
            "yes not = false",
            "none.x not exists",
        ] {
            assert!(holds(line), "{line}");
        }
        for line in [
            "none exists",
            "no exists",
            "sub not exists",
            "sub = a",
            "n = 5.5",
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
    fn a_negation_holds_only_for_what_it_can_judge() {
        for (value, line, wanted) in [
            ("\"read\"", "not contains admin", true),
            ("{\"admin\":true}", "not contains admin", false),
            ("7", "not contains admin", false),
            ("true", "not contains true", false),
            ("[]", "not contains admin", true),
            ("[\"read\",\"x\"]", "not contains admin", true),
            ("[[\"admin\"]]", "not contains admin", false),
            ("[{\"name\":\"admin\"}]", "not contains admin", false),
            ("[\"x\",null]", "not contains admin", false),
            ("[\"x\",7]", "not contains admin", false),
            ("[\"x\",7]", "not contains admin 8", true),
            ("[\"x\",8.0]", "not contains admin 8", false),
            ("\"user\"", "not = admin", true),
            ("[\"admin\"]", "not = admin", false),
            ("[\"user\"]", "not = admin", false),
            ("{}", "not = admin", false),
            ("1", "not = admin", false),
            ("true", "not = admin", false),
            ("true", "not = false", true),
            ("\"true\"", "not = true", false),
            ("null", "not = admin", false),
            ("[\"user\"]", "not in admin root", false),
            ("\"user\"", "not in admin root", true),
            ("0", "not = 0", false),
            ("0.0", "not = 0", false),
            ("-0", "not = 0", false),
            ("0e0", "not = 0", false),
            ("1e-999", "not = 0", false),
            ("\"0\"", "not = 0", false),
            ("1", "not = 0", true),
            ("0.5", "not = 0", true),
            ("10", "not in 0 1e1", false),
            ("9007199254740993", "not = 9007199254740992", true),
            ("9007199254740993.0", "not = 9007199254740992", false),
            ("0.0", "= 0", true),
            ("1e-999", "= 0", false),
            ("100", "in 1e2", true),
            ("[3.0]", "contains 3", true),
            ("9007199254740993.0", "= 9007199254740992", false),
            ("{\"admin\":1}", "contains admin", false),
        ] {
            let text = format!("{{\"c\":{value}}}");
            let claims = json::parse(text.as_bytes()).unwrap();
            let words: Vec<&str> = ["c"].into_iter().chain(line.split(' ')).collect();
            let rule = Rule::parse(&words).unwrap();
            assert_eq!(rule.holds(claims), wanted, "{value} {line}");
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
            refused("https://x.com/r~ = a"),
            "invalid path \"https://x.com/r~\" of a claim (write \"/https:~1~1x.com~1r~0\") in \"require\" directive"
        );
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
