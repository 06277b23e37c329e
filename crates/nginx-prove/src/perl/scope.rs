//! The variables an expression can see.

use std::collections::HashMap;

use super::Value;

/// The variables an expression can see.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    vars: HashMap<String, Value>,
    env: HashMap<String, String>,
    calls: HashMap<String, u64>,
}

impl Scope {
    /// A scope whose `$ENV{…}` are the given pairs.
    pub fn new(env: impl IntoIterator<Item = (String, String)>) -> Scope {
        Scope {
            vars: HashMap::new(),
            env: env.into_iter().collect(),
            calls: HashMap::new(),
        }
    }

    /// Sets `$name`.
    pub fn set(&mut self, name: &str, value: Value) {
        self.vars.insert(name.to_owned(), value);
    }

    /// Sets what the call `name()` gives.
    pub fn set_call(&mut self, name: &str, value: u64) {
        self.calls.insert(name.to_owned(), value);
    }

    pub(super) fn call(&self, name: &str) -> Option<u64> {
        self.calls.get(name).copied()
    }

    /// Sets `$ENV{name}`.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// Whether `$ENV{name}` has a value.
    #[must_use]
    pub fn has_env(&self, name: &str) -> bool {
        self.env.get(name).is_some_and(|v| !v.is_empty())
    }

    pub(super) fn var(&self, name: &str) -> Result<Value, String> {
        self.vars.get(name).cloned().ok_or_else(|| {
            let hint = if name.starts_with("TEST_NGINX_") {
                " (in quotes Perl would expand it to nothing: write `\\$`)"
            } else {
                "; write `\\$` for the character"
            };
            format!("unknown variable ${name}{hint}")
        })
    }

    pub(super) fn env(&self, name: &str) -> Result<Value, String> {
        let value = self
            .env
            .get(name)
            .ok_or_else(|| format!("$ENV{{{name}}} is not set"))?;
        Ok(Value::Str(value.clone().into_bytes()))
    }
}
