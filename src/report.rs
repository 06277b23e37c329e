//! What this nginx says of itself, below `-/` of an API and of `gatehouse_status`.

use crate::family::Family;
use crate::metric::Metric;
use crate::problem::json;
use crate::version::{NGINX, VERSION};
use crate::{Gatehouse, Main};
use gatehouse_base::metrics::{CONTENT_TYPE, Samples};
use gatehouse_live::{Slice, SystemClock};
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::reply::{Next, Producer, Reply};
use gatehouse_nginx::{Request, running};
use gatehouse_table::api::Report;
use gatehouse_table::route::write_text;
use std::ptr;
use std::time::Duration;

/// Bytes of a piece, about.
const PIECE: usize = 32 * 1024;
/// How long the making of a piece may take.
const SLICE: Duration = Duration::from_millis(2);

/// Answers a `GET` of it.
pub(crate) fn answer(r: Request<'_>, report: Report) -> Reply {
    let main = r.main_conf::<Gatehouse>();
    match report {
        Report::Metrics => Reply::new(200)
            .header("Content-Type", CONTENT_TYPE)
            .header("Cache-Control", "no-store")
            .header("X-Content-Type-Options", "nosniff")
            .stream(Text::new(main.families)),
        Report::Ready => ready(main),
        Report::Version => version(),
    }
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
    metrics: Vec<&'static Metric>,
    /// The metric that is written next, and which part of it.
    at: usize,
    part: usize,
    /// Where the configuration lies whose metrics they are, once a piece has been made.
    of: Option<usize>,
}

impl Text {
    fn new(families: &'static [Family]) -> Self {
        let metrics = families.iter().flat_map(|family| family.metrics);
        Self {
            metrics: metrics.collect(),
            at: 0,
            part: 0,
            of: None,
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
        while let Some(metric) = self.metrics.get(self.at) {
            self.write_part(metric, main, out);
            if out.len() >= PIECE || slice.is_over() {
                return Next::More;
            }
        }
        Next::End
    }

    fn write_part(&mut self, metric: &Metric, main: &Main, out: &mut Vec<u8>) {
        let begin = out.len();
        if self.part == 0 {
            metric.about.write_head(out);
        }
        let mut samples = Samples::new(&metric.about, out);
        if (metric.write)(main, self.part, &mut samples) {
            self.part = self.part.saturating_add(1);
            return;
        }
        if self.part == 0 {
            out.truncate(begin);
        }
        self.at = self.at.saturating_add(1);
        self.part = 0;
    }
}

impl Producer for Text {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        running::<Gatehouse, _>(|main| self.write(main, out)).unwrap_or(Next::Failed)
    }
}
