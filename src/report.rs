//! What this nginx says of itself, below `-/` of an API and of `gatehouse_status`.

use crate::family::Family;
use crate::metric::{Many, Metric, Wanted};
use crate::problem::{Problem, json};
use crate::searching::{PIECE, Searching};
use crate::version::{NGINX, VERSION};
use crate::{Gatehouse, Main};
use gatehouse_base::metrics::{CONTENT_TYPE, Samples};
use gatehouse_live::{Slice, SystemClock};
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::reply::{Next, Producer, Reply};
use gatehouse_nginx::{Request, running};
use gatehouse_table::api::{Query, Report};
use gatehouse_table::route::write_text;
use std::ptr;
use std::time::Duration;

/// How long the making of a piece may take.
const SLICE: Duration = Duration::from_millis(1);

/// Answers a `GET` of it.
pub(crate) fn answer(r: Request<'_>, report: Report) -> Result<Reply, Problem> {
    let main = r.main_conf::<Gatehouse>();
    match report {
        Report::Metrics => metrics(r, main),
        Report::Ready => Ok(ready(main)),
        Report::Version => Ok(version()),
    }
}

fn metrics(r: Request<'_>, main: &Main) -> Result<Reply, Problem> {
    let query = Query::parse(r.args(), &["backends"])
        .map_err(|error| Problem::new(400, "invalid_argument", error.0))?;
    let wanted = Wanted {
        backends: query.backends,
    };
    Ok(Reply::new(200)
        .header("Content-Type", CONTENT_TYPE)
        .header("Cache-Control", "no-store")
        .header("X-Content-Type-Options", "nosniff")
        .stream(Text::new(main.families, wanted)))
}

fn version() -> Reply {
    let text = format!("{{\"version\":\"{VERSION}\",\"nginx\":\"{NGINX}\"}}\n");
    json(200, text.into_bytes())
}

fn ready(main: &Main) -> Reply {
    let missing = if process::exiting() {
        Err("this worker is shutting down".to_owned())
    } else {
        main.families
            .iter()
            .try_for_each(|family| (family.ready)(main))
    };
    match missing {
        Ok(()) => json(200, b"{\"ready\":true}\n".to_vec()),
        Err(why) => {
            let mut text = b"{\"ready\":false,\"why\":".to_vec();
            write_text(&why, &mut text);
            text.extend_from_slice(b"}\n");
            json(503, text)
        }
    }
}

/// The text of all metrics, made piece by piece.
struct Text {
    rows: Vec<Row>,
    wanted: Wanted,
    /// The metric that is written next, and which part of it.
    at: usize,
    part: usize,
    /// The search that goes on for metrics of what there may be too much of.
    search: Option<Searching>,
    /// Where the configuration lies whose metrics they are, once a piece has been made.
    of: Option<usize>,
    #[cfg(feature = "hooks")]
    turns: crate::turns::Turns,
}

/// A metric of either kind.
#[derive(Clone, Copy)]
enum Row {
    Known(&'static Metric),
    Many(&'static Many),
}

impl Text {
    fn new(families: &'static [Family], wanted: Wanted) -> Self {
        let rows = families.iter().flat_map(|family| {
            let known = family.metrics.iter().map(Row::Known);
            known.chain(family.many.iter().map(Row::Many))
        });
        Self {
            rows: rows.collect(),
            wanted,
            at: 0,
            part: 0,
            search: None,
            of: None,
            #[cfg(feature = "hooks")]
            turns: crate::turns::Turns::default(),
        }
    }

    fn write(&mut self, main: &Main, out: &mut Vec<u8>) -> Next {
        let here = ptr::from_ref(main).addr();
        if *self.of.get_or_insert(here) != here {
            // With `master_process off` another configuration may have come: its parts have other numbers.
            return Next::Failed;
        }
        let clock = SystemClock::start();
        let slice = Slice::new(&clock, SLICE);
        while let Some(row) = self.rows.get(self.at).copied() {
            let more = match row {
                Row::Known(metric) => self.write_part(metric, main, out),
                Row::Many(many) => {
                    let wanted = &self.wanted;
                    let search = self
                        .search
                        .get_or_insert_with(|| Searching::new(many, wanted));
                    search.write(wanted, main, out)
                }
            };
            if !more {
                self.at = self.at.saturating_add(1);
                self.part = 0;
                self.search = None;
            }
            if out.len() >= PIECE || slice.is_over() {
                return Next::More;
            }
        }
        Next::End
    }

    /// Writes the next part of a metric; false: there is none.
    fn write_part(&mut self, metric: &Metric, main: &Main, out: &mut Vec<u8>) -> bool {
        let begin = out.len();
        if self.part == 0 {
            metric.about.write_head(out);
        }
        let mut samples = Samples::new(&metric.about, out);
        if (metric.write)(main, self.part, &mut samples) {
            self.part = self.part.saturating_add(1);
            return true;
        }
        if self.part == 0 {
            out.truncate(begin);
        }
        false
    }
}

impl Producer for Text {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        #[cfg(feature = "hooks")]
        let begun = crate::turns::processor();
        let next = running::<Gatehouse, _>(|main| self.write(main, out)).unwrap_or(Next::Failed);
        #[cfg(feature = "hooks")]
        self.turns.note("metrics", begun, matches!(next, Next::End));
        next
    }
}
