//! What stands above `__DATA__`: calls of Test::Nginx, variables, and our own `# requires:` hints.

use std::collections::BTreeSet;

use bstr::ByteSlice;

use crate::perl::{Parser, Scope, Value};

/// The settings a prologue makes for its file.
#[derive(Clone, Debug)]
pub struct Prologue {
    /// `repeat_each(N)`: how often each block's requests are made.
    pub repeat_each: u32,
    /// `workers(N)`.
    pub workers: u32,
    /// `worker_connections(N)`.
    pub worker_connections: u32,
    /// `log_level('…')`.
    pub log_level: Option<String>,
    /// `no_root_location()`.
    pub no_root_location: bool,
    /// `plan tests => N`, or `tests => N` of `use Test::Nginx::Socket`.
    pub plan: Option<Plan>,
    /// `env_to_nginx(…)`, as `NAME` or `NAME=value`.
    pub nginx_env: Vec<String>,
    /// `# serial`: the file's blocks run alone.
    pub serial: bool,
    /// `# requires: …`, one per line.
    pub requires: Vec<String>,
}

/// `plan tests => N` as the prologue states it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The Perl expression of the number.
    pub source: Vec<u8>,
    /// What `repeat_each()` is where the plan stands.
    pub repeat_each: u32,
}

impl Default for Prologue {
    fn default() -> Prologue {
        Prologue {
            repeat_each: 1,
            workers: 1,
            worker_connections: 256,
            log_level: None,
            no_root_location: false,
            plan: None,
            nginx_env: Vec::new(),
            serial: false,
            requires: Vec::new(),
        }
    }
}

/// Calls that mean nothing to this runner.
const IGNORED_CALLS: &[&str] = &[
    "run_tests",
    "no_long_string",
    "no_diff",
    "no_shuffle",
    "master_on",
    "master_off",
    "master_process_enabled",
    "check_accum_error_log",
    "no_nginx_manager",
    "server_name",
];

impl Prologue {
    /// Reads the prologue; returns it with the variables its file's `eval` sections see.
    #[must_use]
    pub fn parse(source: &[u8], scope: Scope, warnings: &mut Vec<String>) -> (Prologue, Scope) {
        let mut reader = Reader {
            prologue: Prologue::default(),
            scope,
            unknown: BTreeSet::new(),
        };
        reader.hints(source, warnings);
        let mut parser = Parser::new(&without_pod(source));
        loop {
            parser.blank();
            if parser.at_end() {
                break;
            }
            if !parser.take(b";") {
                reader.statement(&mut parser);
            }
        }
        warnings.extend(reader.unknown);
        (reader.prologue, reader.scope)
    }
}

fn without_pod(source: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut in_pod = false;
    for line in source.lines_with_terminator() {
        if line.starts_with(b"=cut") {
            in_pod = false;
            continue;
        }
        in_pod = in_pod
            || (line.first() == Some(&b'=') && line.get(1).is_some_and(u8::is_ascii_alphabetic));
        if !in_pod {
            out.extend_from_slice(line);
        }
    }
    out
}

struct Reader {
    prologue: Prologue,
    scope: Scope,
    unknown: BTreeSet<String>,
}

impl Reader {
    fn hints(&mut self, source: &[u8], warnings: &mut Vec<String>) {
        for line in source.lines() {
            let text = String::from_utf8_lossy(line);
            let Some(comment) = text.trim().strip_prefix('#') else {
                continue;
            };
            let comment = comment.trim();
            if comment == "serial" {
                self.prologue.serial = true;
            } else if let Some(need) = comment.strip_prefix("requires:") {
                self.prologue.requires.push(need.trim().to_owned());
            } else if comment.starts_with("require:") || comment.starts_with("requires ") {
                warnings.push(format!("`# {comment}` is no hint; write `# requires: …`"));
            }
        }
    }

    fn statement(&mut self, parser: &mut Parser) {
        let shown = parser.rest_of_line();
        let understood = if parser.peek() == Some(b'$') {
            self.assignment(parser, false)
        } else {
            self.worded(parser)
        };
        if !understood {
            self.unknown
                .insert(format!("prologue line not understood: `{shown}`"));
        }
        skip_statement(parser);
    }

    fn worded(&mut self, parser: &mut Parser) -> bool {
        let word = parser.word();
        match word.as_str() {
            "" => {
                parser.bump();
                false
            }
            "use" | "no" => {
                parser.blank();
                let module = parser.word();
                if module.starts_with("Test::Nginx") || module.starts_with("t::") {
                    return self.plan(parser);
                }
                module.starts_with("v5")
                    || matches!(
                        module.as_str(),
                        "lib" | "strict" | "warnings" | "Cwd" | "utf8" | "5"
                    )
            }
            "our" | "my" => {
                parser.blank();
                self.assignment(parser, true)
            }
            call => self.call(call, parser),
        }
    }

    /// What follows `plan` and `use Test::Nginx::Socket`: `tests => N`, `'no_plan'` or nothing.
    fn plan(&mut self, parser: &mut Parser) -> bool {
        parser.blank();
        let opened = parser.take(b"(");
        parser.blank();
        if !parser.take(b"tests") {
            return parser.peek() != Some(b's'); // `skip_all` is not understood.
        }
        parser.blank();
        if !parser.take(b"=>") && !parser.take(b",") {
            return false;
        }
        let mut end = parser.clone();
        skip_statement(&mut end);
        let text = parser.between(parser.place(), end.place());
        let text = text.trim_ascii_end();
        let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
        let source = match text.strip_suffix(b")") {
            Some(inner) if opened => inner,
            _ => text,
        };
        self.prologue.plan = Some(Plan {
            source: source.to_vec(),
            repeat_each: self.prologue.repeat_each,
        });
        true
    }

    /// `$X = EXPR`, `$ENV{X} = EXPR`, `$ENV{X} ||= EXPR`.
    fn assignment(&mut self, parser: &mut Parser, declared: bool) -> bool {
        if !parser.take(b"$") {
            return false;
        }
        let word = parser.word();
        let name = word
            .strip_prefix("main::")
            .or_else(|| word.strip_prefix("::"))
            .unwrap_or(&word)
            .to_owned();
        if name == "ENV" && parser.take(b"{") {
            return self.env_assignment(parser);
        }
        parser.blank();
        if parser.peek() == Some(b';') {
            self.scope.set(&name, Value::Undef);
            return declared;
        }
        if !parser.take(b"=") {
            return false;
        }
        match parser.expr(&self.scope) {
            Ok(value) => {
                self.scope.set(&name, value);
                true
            }
            Err(_) => false,
        }
    }

    fn env_assignment(&mut self, parser: &mut Parser) -> bool {
        let Ok(key) = parser.env_key() else {
            return false;
        };
        parser.blank();
        let default_only = parser.take(b"||=") || parser.take(b"//=");
        if !default_only && !parser.take(b"=") {
            return false;
        }
        if crate::expand::is_built_in(&key) || (default_only && self.scope.has_env(&key)) {
            return true;
        }
        match parser.expr(&self.scope).and_then(|value| value.text()) {
            Ok(text) => {
                self.scope.set_env(&key, &text);
                true
            }
            Err(_) => false,
        }
    }

    fn call(&mut self, name: &str, parser: &mut Parser) -> bool {
        if IGNORED_CALLS.contains(&name) {
            return true;
        }
        if name == "plan" {
            return self.plan(parser);
        }
        parser.blank();
        let args = if parser.take(b"(") {
            parser.list(&self.scope, b')')
        } else {
            parser.expr(&self.scope).map(|value| vec![value])
        };
        let args: Vec<String> = match args {
            Ok(values) => values
                .iter()
                .filter_map(|value| value.text().ok())
                .collect(),
            Err(_) => return false,
        };
        let first = args.first().map_or("", String::as_str);
        match name {
            "repeat_each" => set_number(&mut self.prologue.repeat_each, first),
            "workers" => set_number(&mut self.prologue.workers, first),
            "worker_connections" => set_number(&mut self.prologue.worker_connections, first),
            "log_level" => {
                self.prologue.log_level = Some(first.to_owned());
                true
            }
            "no_root_location" => {
                self.prologue.no_root_location = true;
                true
            }
            "env_to_nginx" => {
                self.prologue.nginx_env.extend(args);
                true
            }
            _ => false,
        }
    }
}

fn set_number(target: &mut u32, text: &str) -> bool {
    match text.parse() {
        Ok(number) if number > 0 => {
            *target = number;
            true
        }
        _ => false,
    }
}

/// Moves past the end of the statement: `;`, or the closing brace of a body.
fn skip_statement(parser: &mut Parser) {
    let mut depth = 0_usize;
    while let Some(b) = parser.bump() {
        match b {
            b'{' | b'(' | b'[' => depth = depth.saturating_add(1),
            b'}' if depth == 1 => {
                parser.blank();
                if !matches!(parser.peek(), Some(b';' | b',' | b')')) {
                    return;
                }
                depth = 0;
            }
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perl;

    fn parse(source: &str) -> (Prologue, Scope, Vec<String>) {
        let mut warnings = Vec::new();
        let (prologue, scope) = Prologue::parse(source.as_bytes(), Scope::new([]), &mut warnings);
        (prologue, scope, warnings)
    }

    #[test]
    fn the_usual_prologue() {
        let (prologue, scope, warnings) = parse(
            "# vi:ft=\nuse lib 'lib';\nuse Test::Nginx::Socket 'no_plan';\n\nrepeat_each(2);\nworkers(3);\nmaster_on();\n\
             log_level('debug');\nplan tests => repeat_each() * (blocks() * 3 + 1);\nno_shuffle();\nno_long_string();\n\
             our $Http = <<'_EOC_';\n  a; { }\n_EOC_\nour $Both = qq{\n$Http\n};\n$ENV{TEST_NGINX_FOO} ||= 'bar';\n\
             $ENV{TEST_NGINX_HTML_DIR} ||= html_dir();\nrun_tests();\n",
        );
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!((prologue.repeat_each, prologue.workers), (2, 3));
        assert_eq!(prologue.log_level.as_deref(), Some("debug"));
        assert_eq!(
            perl::eval(b"$::Both . $ENV{TEST_NGINX_FOO}", &scope)
                .unwrap()
                .bytes()
                .unwrap(),
            b"\n  a; { }\n\nbar"
        );
    }

    #[test]
    fn hints() {
        let (prologue, _, warnings) = parse(
            "# requires: hooks\n# requires: nginx >= 1.25.1\n# serial\n# require: x\nrun_tests();\n",
        );
        assert!(prologue.serial);
        assert_eq!(prologue.requires, ["hooks", "nginx >= 1.25.1"]);
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn warns_about_the_rest() {
        let (prologue, _, warnings) = parse(
            "add_block_preprocessor(sub { my $b = shift; $b->x(1); });\nuse POSIX;\nworkers(2);\nrun_tests();\n",
        );
        assert_eq!(prologue.workers, 2);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}
