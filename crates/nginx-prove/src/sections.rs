//! The section names a block may use.

/// Every section the runner understands, with Test::Nginx's meaning unless the README says otherwise.
pub const KNOWN: &[&str] = &[
    "config",
    "http_config",
    "main_config",
    "post_main_config",
    "request",
    "more_headers",
    "raw_request",
    "raw_request_middle_delay",
    "pipelined_requests",
    "response_body",
    "response_body_like",
    "response_body_unlike",
    "response_headers",
    "raw_response_headers_like",
    "raw_response_headers_unlike",
    "error_code",
    "error_code_like",
    "http09",
    "error_log",
    "no_error_log",
    "shutdown_error_log",
    "no_shutdown_error_log",
    "access_log",
    "no_access_log",
    "user_files",
    "must_die",
    "config_ok",
    "conf_cases",
    "timeout",
    "abort",
    "ignore_response",
    "no_check",
    "log_level",
    "wait",
    "skip_nginx",
    "nginx_env",
    "http_upstream",
    "ws_upstream",
    "ws_connect",
    "ws_headers",
    "ws_script",
    "ws_clients",
    "ws_error_code",
    "ONLY",
    "SKIP",
    "LAST",
];

/// Sections that ask Test::Nginx for tools this runner does not have; they are ignored there too without them.
pub const IGNORED: &[&str] = &[
    "no_check_leak",
    "suppress_stderr",
    "stap",
    "stap_out",
    "stap_like",
    "stap_out_like",
    "stap_unlike",
    "stap_out_unlike",
    "quit",
];

/// Checks a name.
///
/// # Errors
/// An unknown name, with the closest known one.
pub fn check(name: &str) -> Result<(), String> {
    if KNOWN.contains(&name) || IGNORED.contains(&name) {
        return Ok(());
    }
    let nearest = KNOWN
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= 4 => {
            Err(format!("unknown section `{name}`; did you mean `{known}`?"))
        }
        _ => Err(format!("unknown section `{name}`")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_the_nearest() {
        assert!(super::check("response_body").is_ok());
        assert!(
            super::check("response_header")
                .unwrap_err()
                .contains("did you mean `response_headers`")
        );
        assert!(
            !super::check("zzzzzzzzzzzzzzzz")
                .unwrap_err()
                .contains("mean")
        );
    }
}
