//! What both checks share: how a request is refused.

use crate::{Gatehouse, Record};
use gatehouse_nginx::phase::{Handler, HeaderFilter, NextFilter};
use gatehouse_nginx::{Level, Outcome, Phase, Request};
use std::cell::Cell;

/// The refusal of a main request; 0: none, or overruled.
#[derive(Default)]
pub struct Refusal<'r> {
    status: Cell<u16>,
    /// What the error log has about it or is to have, the newest line first.
    lines: Cell<Option<&'r Line<'r>>>,
    /// The upstream the request had then ([`Request::upstream_mark`]).
    upstream: Cell<usize>,
    /// Nobody else can allow the request any more: nginx answers with the refusal.
    is_final: Cell<bool>,
    /// A check was read as a variable, said no, and nobody has let the request pass in spite of it.
    turned_down: Cell<bool>,
}

/// A line of the error log.
struct Line<'r> {
    level: Level,
    text: &'r [u8],
    written: Cell<bool>,
    before: Option<&'r Line<'r>>,
}

/// Whether the request was refused where it is now; forgotten by an internal redirect.
#[derive(Default)]
pub struct Here(Cell<bool>);

/// Refuses a request with `status`. Under `satisfy any` somebody else may still allow it.
pub fn refuse<'r>(r: Request<'r>, record: &Record<'r>, status: u16) -> Outcome<'r> {
    let Some(local) = r.local::<Gatehouse>() else {
        return Outcome::Failed;
    };
    local.refusal.0.set(true);
    record.refusal.status.set(status);
    record.refusal.upstream.set(r.upstream_mark());
    record.refusal.is_final.set(!r.satisfy_any());
    Outcome::Refused(status)
}

/// Says in the error log that a request is refused, or in a dry run would be. Under `satisfy any`
/// nothing is said before nobody has allowed the request ([`Standing`]).
pub fn log<'r>(r: Request<'r>, record: &Record<'r>, level: Level, text: &str) {
    if record.refusal.has_line(text) {
        return;
    }
    let deferred = r.satisfy_any();
    let kept = record.refusal.keep_line(r, level, text, !deferred);
    if !deferred || !kept {
        r.log(level, text);
    }
}

/// Says something once for a request, whoever comes upon it again.
pub fn log_once<'r>(r: Request<'r>, record: &Record<'r>, level: Level, text: &str) {
    if !record.refusal.has_line(text) {
        record.refusal.keep_line(r, level, text, true);
        r.log(level, text);
    }
}

impl<'r> Refusal<'r> {
    fn has_line(&self, text: &str) -> bool {
        let mut line = self.lines.get();
        while let Some(one) = line {
            if one.text == text.as_bytes() {
                return true;
            }
            line = one.before;
        }
        false
    }

    /// False when memory is short.
    fn keep_line(&self, r: Request<'r>, level: Level, text: &str, written: bool) -> bool {
        let line = r.text(&text, text.len()).and_then(|text| {
            r.place(Line {
                level,
                text,
                written: Cell::new(written),
                before: self.lines.get(),
            })
        });
        let kept = line.is_some();
        if let Some(line) = line {
            self.lines.set(Some(line));
        }
        kept
    }

    /// Writes what was deferred, the oldest line first.
    fn write_lines(&self, r: Request<'_>) {
        fn write(r: Request<'_>, line: Option<&Line<'_>>) {
            let Some(line) = line.filter(|line| !line.written.replace(true)) else {
                return;
            };
            write(r, line.before);
            r.log(line.level, &String::from_utf8_lossy(line.text));
        }
        write(r, self.lines.get());
    }

    /// Forgets what was deferred: the next refusal is another one.
    fn drop_lines(&self) {
        while let Some(line) = self.lines.get().filter(|line| !line.written.get()) {
            self.lines.set(line.before);
        }
    }
}

/// Whether the request is now at the page that `error_page` shows for a refusal of ours: that page
/// is not refused again, by neither check. Once an upstream has answered for that page, where it
/// sends the request (X-Accel-Redirect) is a place like any other. So is the place to which another
/// module sends a request before nginx answers with our refusal (`satisfy any`).
pub fn is_page(r: Request<'_>) -> bool {
    r.existing_record::<Gatehouse>().is_some_and(|record| {
        let refusal = &record.refusal;
        refusal.status.get() != 0
            && refusal.is_final.get()
            && refusal.upstream.get() == r.main().upstream_mark()
    }) && !is_here(r)
}

/// Notes that a check, read as a variable, says no: `if ($token_auth_status != ok) { return 403; }` refuses as we do.
pub fn turned_down(record: &Record<'_>) {
    record.refusal.turned_down.set(true);
}

/// Notes that the access phase lets the request pass, whatever a variable said.
pub fn let_pass(record: &Record<'_>) {
    record.refusal.turned_down.set(false);
}

/// Whether what the request shows now is for those who were refused. No cache may be used for it: under the key of the
/// refused request lies, or would come to lie, what others are allowed to see.
pub fn shows_refusal(r: Request<'_>) -> bool {
    let main = r.main();
    r.existing_record::<Gatehouse>().is_some_and(|record| {
        let refusal = &record.refusal;
        let left_by_error_page = refusal.turned_down.get() && main.is_internal();
        refusal.status.get() != 0 || left_by_error_page
    })
}

fn is_here(r: Request<'_>) -> bool {
    r.local::<Gatehouse>().is_some_and(|l| l.refusal.0.get())
}

/// Forgets a refusal before the request starts again at its clean path, where it is judged again.
pub fn start_again(record: &Record<'_>) {
    record.refusal.status.set(0);
    record.refusal.drop_lines();
    record.geoip.overrule();
}

/// Comes after everybody else who may allow a request: under `satisfy any` the refusal stands.
pub struct Standing;

impl Handler for Standing {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "answering with a refusal";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if let Some(record) = r.existing_record::<Gatehouse>().filter(|_| r.is_main()) {
            if is_here(r) {
                record.refusal.is_final.set(true);
            }
            record.refusal.write_lines(r);
        }
        Outcome::Declined
    }
}

/// Forgets a refusal that `satisfy any` overruled: what follows is no page for it.
pub struct Overrule;

impl Handler for Overrule {
    const PHASE: Phase = Phase::PreContent;
    const NAME: &'static str = "passing a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if let Some(record) = r.existing_record::<Gatehouse>().filter(|_| r.is_main()) {
            record.refusal.drop_lines();
            if record.refusal.status.get() != 0 && is_here(r) {
                record.refusal.status.set(0);
                record.token.overrule();
                record.geoip.overrule();
                let_pass(record);
            }
        }
        Outcome::Declined
    }
}

/// Keeps refusals out of caches: one URL answers differently by token and country.
pub struct NoStore;

impl HeaderFilter for NoStore {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        let Some(record) = r.existing_record::<Gatehouse>().filter(|_| r.is_main()) else {
            return;
        };
        // Somebody else has ended the request before all were asked.
        record.refusal.write_lines(r);
        if record.refusal.status.get() != 0 {
            // Without memory the refusal goes out as it is.
            let _ = r.set_cache_control(b"no-store");
        }
    }
}
