//! `token_profile`, `token_auth…`: signed links and cookies.

mod block;
mod check;
mod claim;
mod conf;
mod counters;
mod expiry;
mod fetch;
mod follow;
mod issue;
mod limit;
mod limited;
mod path;
mod profile;
mod record;
mod remote;
mod saved;
mod strip;
mod variables;
mod view;

pub(crate) use conf::{Loc, Main, Srv};
pub(crate) use record::Record;
pub(crate) use strip::{come_again, enter_location, strip_rest};

use crate::Gatehouse;
use crate::choice::{Choice, NameUse};
use crate::family::Family;
use crate::words::{set_flag, set_log_level, set_once};
use check::{Access, PostRead};
use fetch::FetchKeys;
use gatehouse_base::words;
use gatehouse_nginx::http::phase::Installer;
use gatehouse_nginx::http::variable::Index;
use gatehouse_nginx::{Args, Conf, Contexts, Directive, Error, Level, Merging};
use gatehouse_token::HttpStatuses;
use issue::Issuing;
use path::PreContent;
use std::rc::Rc;
use strip::{Log, PreAccess};
use variables::VARIABLES;

/// What this family brings.
pub(crate) const FAMILY: Family = Family {
    page: "token",
    title: "Tokens",
    directives: DIRECTIVES,
    variables: VARIABLES,
    metrics: counters::METRICS,
    #[cfg(feature = "hooks")]
    words: gatehouse_token::reference,
    merge: |cf, parent, child| {
        merge(cf, &parent.token, &mut child.token);
        Ok(())
    },
    complete,
    judge: Some(check::required),
    ending: Some(&expiry::ENDING),
    install,
    start_worker: |main| {
        let profiles = main.token.profiles.iter();
        profiles
            .flat_map(|one| &one.remotes)
            .for_each(|one| one.inherit());
    },
    ..Family::NONE
};

fn install(installer: &mut Installer<'_, Gatehouse>) -> Result<(), Error> {
    if installer.main().token.in_use() {
        installer.phase::<PostRead>()?;
        installer.phase::<PreAccess>()?;
        installer.phase::<Access>()?;
        if installer.main().token.fetches_keys() {
            installer.waiting_phase::<FetchKeys>()?;
            installer.header_filter::<fetch::Unbuffered>();
        }
        installer.before_logs::<Log>()?;
    }
    if issue::in_use(&installer.main().token) {
        installer.header_filter::<Issuing>();
    }
    if installer.main().token.in_paths() {
        installer.phase::<PreContent>()?;
    }
    Ok(())
}

const DIRECTIVES: &[Directive<Gatehouse>] = &[
    Directive {
        name: c"token_profile",
        syntax: "name { … }",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Block(1),
        text: include_str!("docs/token_profile.md"),
        set: block::set,
    },
    Directive {
        name: c"token_auth",
        syntax: "profile | $variable | off",
        default: Some("off"),
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: include_str!("docs/token_auth.md"),
        set: set_auth,
    },
    Directive {
        name: c"token_auth_dry_run",
        syntax: "on | off",
        default: Some("off"),
        contexts: Contexts::ANY,
        args: Args::Flag,
        text: include_str!("docs/token_auth_dry_run.md"),
        set: |cf| set_flag(cf, |loc| &mut loc.token.dry_run),
    },
    Directive {
        name: c"token_auth_status",
        syntax: "[default=N] [missing=N] [malformed=N] [invalid=N] [expired=N] [not_yet_valid=N] [wrong_ip=N] [wrong_path=N] [revoked=N] [forbidden=N] [limited=N]",
        default: None,
        contexts: Contexts::ANY,
        args: Args::OneOrMore,
        text: include_str!("docs/token_auth_status.md"),
        set: set_statuses,
    },
    Directive {
        name: c"token_auth_strip",
        syntax: "on | off",
        default: Some("on"),
        contexts: Contexts::ANY,
        args: Args::Flag,
        text: include_str!("docs/token_auth_strip.md"),
        set: |cf| set_flag(cf, |loc| &mut loc.token.strip),
    },
    Directive {
        name: c"token_auth_preflight",
        syntax: "check | pass",
        default: Some("check"),
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: include_str!("docs/token_auth_preflight.md"),
        set: set_preflight,
    },
    Directive {
        name: c"token_claim",
        syntax: "$variable profile path",
        default: None,
        contexts: Contexts::MAIN,
        args: Args::Exactly(3),
        text: include_str!("docs/token_claim.md"),
        set: claim::set,
    },
    Directive {
        name: c"token_auth_log_level",
        syntax: "info | notice | warn | error",
        default: Some("error"),
        contexts: Contexts::ANY,
        args: Args::Exactly(1),
        text: include_str!("docs/token_auth_log_level.md"),
        set: |cf| set_log_level(cf, |loc| &mut loc.token.log_level),
    },
];

fn set_auth(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let auth = Choice::read(cf, |main| &mut main.token.names)?;
    set_once(cf, |loc| &mut loc.token.auth, auth)
}

fn set_statuses(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let statuses = HttpStatuses::parse(words.iter().skip(1).map(String::as_str))
        .map_err(|e| Error::new(e.to_string()))?;
    set_once(cf, |loc| &mut loc.token.statuses, Rc::new(statuses))
}

fn set_preflight(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let word = cf.words()?.pop().unwrap_or_default();
    let pass = match word.as_str() {
        "pass" => true,
        "check" => false,
        _ => {
            let text = words::invalid(&word, "token_auth_preflight", ["check", "pass"]);
            return Err(Error::new(text));
        }
    };
    set_once(cf, |loc| &mut loc.token.pass_preflight, pass)
}

/// Takes over what this level of a server does not say.
fn merge(cf: &mut Merging<'_, Gatehouse>, parent: &Loc, child: &mut Loc) {
    child.auth = child.auth.take().or_else(|| parent.auth.clone());
    child.dry_run = child.dry_run.or(parent.dry_run);
    child.statuses = child.statuses.take().or_else(|| parent.statuses.clone());
    child.strip = child.strip.or(parent.strip);
    child.log_level = child.log_level.or(parent.log_level);
    child.pass_preflight = child.pass_preflight.or(parent.pass_preflight);
    cf.srv().token.note(child);
    cf.main().token.every_server.note(child);
}

/// Finds the tables that `key` lines name.
fn find_lenders(main: &mut crate::Main) -> Result<(), Error> {
    let lenders = &main.lenders;
    for named in &mut main.token.profiles {
        let keys = named.profile.route_keys().iter();
        for (key, of) in keys.zip(&mut named.route_keys) {
            let lender = lenders.iter().find(|one| one.name() == key.table);
            let unknown = || {
                format!(
                    "unknown upstream_table \"{}\" in \"key\" directive",
                    key.table
                )
            };
            let lender = lender.ok_or_else(|| Error::at(&of.line, unknown()))?;
            of.lender = Some(Rc::clone(lender));
        }
    }
    Ok(())
}

/// Finds the profiles that `token_auth` names, now that all blocks are read.
fn complete(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    find_lenders(cf.main())?;
    let main = &cf.main().token;
    main.names.find_all("token_profile")?;
    claim::complete(main)?;
    let has_profiles = main.in_use();
    let is_open = |used: &&Rc<NameUse>| {
        let named = main.profiles.get(used.index.get());
        named.is_some_and(|named| !named.profile.scheme().has_tokens())
    };
    let open: Vec<_> = main.names.uses().iter().filter(is_open).cloned().collect();
    for used in open {
        let (name, by) = (&used.name, &used.by);
        if by != "token_auth" {
            let text = format!(
                "token_profile \"{name}\" lets every request pass, \"{by}\" needs one that does not"
            );
            return Err(Error::at(&used.line, text));
        }
        let text = format!(
            "token_profile \"{name}\" lets every request pass, its format is for \"token_auth\" with a variable"
        );
        cf.log_at(&used.line, Level::Warn, &text);
    }
    if has_profiles {
        cf.reserve_received()?;
        let remembered = remembered(cf);
        let mut anew = cf.computed_variables();
        anew.retain(|index| !remembered.contains(index));
        anew.extend_from_slice(&remembered);
        cf.main().token.remembered = remembered;
        cf.main().token.anew = anew;
    }
    Ok(())
}

/// What nginx keeps of a request that stripping changes, and the address that realip changes; not
/// what the configuration defines itself under such a name (`set $http_x_mode fast;`).
fn remembered(cf: &mut Conf<'_, Gatehouse>) -> Vec<Index> {
    const OF_NGINX: [&str; 11] = [
        "request_uri",
        "content_type",
        "remote_user",
        "remote_addr",
        "binary_remote_addr",
        "http_cookie",
        "http_host",
        "http_user_agent",
        "http_referer",
        "http_via",
        "http_x_forwarded_for",
    ];
    let defined = cf.defined_variables();
    cf.remembered_variables(|name| {
        let by_prefix = name.starts_with("http_") || name.starts_with("cookie_");
        let own = || defined.iter().any(|one| one == name);
        OF_NGINX.contains(&name) || (by_prefix && !own())
    })
}
