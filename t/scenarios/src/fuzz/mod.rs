//! Random requests at a site with every feature, and a model beside it that says what may come of each.
//!
//! `grammar` makes a request, `client` sends it, `backends` write down what reaches them, `traces` reads logs and
//! cache keys, `judge` compares all that with what `model` says. The model knows nginx's documentation and the
//! module's reference, not its code. Environment variables: see t/scenarios/README.md.

mod access;
mod backends;
mod carriers;
mod client;
mod conf;
mod grammar;
mod judge;
mod model;
mod prediction;
mod request;
mod site;
mod tokens;
mod traces;
mod uri;
mod walk;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backends::Backends;
use client::Client;
use judge::{Difference, Judge};
use traces::{Hidden, Traces};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

/// How long it runs unless `FUZZ_SECONDS` says so.
const SECONDS: u64 = 20;
/// So many requests, then logs and cache are looked at.
const LOOK_EVERY: u64 = 240;
/// So many, then the logs are emptied.
const EMPTY_EVERY: u64 = 50 * LOOK_EVERY;
/// Pages and tokens are remembered for so many requests; paths change more often.
const REMEMBER: u64 = 20 * grammar::EPOCH;

/// What the environment asks for.
struct Options {
    seed: u64,
    time: Duration,
    /// Only these requests.
    only: Option<Vec<u64>>,
    /// So many different differences end the run.
    most: usize,
}

impl Options {
    fn read() -> Result<Options, String> {
        let number = |name: &str| match std::env::var(name) {
            Ok(text) => text
                .parse::<u64>()
                .map(Some)
                .map_err(|_| format!("{name}={text} is no number")),
            Err(_) => Ok(None),
        };
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| {
                u64::from(time.subsec_nanos()).wrapping_add(time.as_secs())
            });
        let only = match std::env::var("FUZZ_REQUESTS") {
            Ok(text) => Some(ranges(&text)?),
            Err(_) => None,
        };
        Ok(Options {
            seed: number("FUZZ_SEED")?.unwrap_or(clock % 1_000_000),
            time: Duration::from_secs(number("FUZZ_SECONDS")?.unwrap_or(SECONDS)),
            only,
            most: usize::try_from(number("FUZZ_DIFFERENCES")?.unwrap_or(20)).unwrap_or(20),
        })
    }
}

/// `3,10-12` as numbers.
fn ranges(text: &str) -> Result<Vec<u64>, String> {
    let mut out = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.parse::<u64>(), to.parse::<u64>()) {
            (Ok(from), Ok(to)) => out.extend(from..=to),
            _ => {
                return Err(format!(
                    "FUZZ_REQUESTS={text} is no list of numbers and ranges"
                ));
            }
        }
    }
    Ok(out)
}

/// Differences of one kind at one place.
struct Found {
    times: u64,
    text: String,
}

/// What was done, to see that the run was not blind.
#[derive(Default)]
struct Tally {
    requests: u64,
    upstream: u64,
    from_cache: u64,
    refused: u64,
    http2: u64,
}

struct Run<'a> {
    options: &'a Options,
    backends: &'a Backends,
    client: Client,
    judge: Judge,
    traces: Traces,
    found: BTreeMap<(&'static str, &'static str), Found>,
    tally: Tally,
}

/// The scenario.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let options = Options::read()?;
    let backends = Backends::start(site::BACKENDS)?;
    let (mut server, ports) = start(env, &backends)?;
    // nginx's cache loader looks at files that its cache manager has removed.
    let loader = format!("stat() \"{}/cache/", server.root().display());
    server.allow(&loader);
    let started = Instant::now();
    let mut run = Run {
        options: &options,
        backends: &backends,
        client: Client::new(ports)?,
        judge: Judge::default(),
        traces: Traces::new(server.root(), &loader, &env.never),
        found: BTreeMap::new(),
        tally: Tally::default(),
    };
    let numbers: Box<dyn Iterator<Item = u64>> = match &options.only {
        Some(list) => Box::new(list.iter().copied()),
        None => Box::new(0..),
    };
    let endless = options.only.is_none();
    let mut last = 0;
    for number in numbers {
        run.one(number)
            .map_err(|e| format!("{e}\n{}", run.replay(&[number])))?;
        last = number;
        if run.tally.requests % LOOK_EVERY == 0 {
            run.look(number)?;
            if run.found.len() >= options.most || (endless && started.elapsed() >= options.time) {
                break;
            }
        }
    }
    run.wait_for_log(last)?;
    println!(
        "# fuzz: seed {}, {} requests in {:.0?} ({} over HTTP/2), {} upstream requests, {} answers from the cache, {} refusals, {} lines and keys searched, {} kinds of differences",
        options.seed,
        run.tally.requests,
        started.elapsed(),
        run.tally.http2,
        run.tally.upstream,
        run.tally.from_cache,
        run.tally.refused,
        run.traces.looked,
        run.found.len()
    );
    let verdict = run.verdict();
    // nginx waits for its clients.
    drop(run);
    let stopped = server.stop();
    verdict.and(stopped)
}

fn start(env: &Env, backends: &Backends) -> Result<(Server, [u16; 3]), String> {
    let mut setup = Setup::new(env)?
        .file("conf/htpasswd", b"u:{PLAIN}p\n")?
        .file("conf/digest.key", b"digest-key")?
        .file("html/idx/page.html", b"a file\n")?;
    for profile in tokens::PROFILES {
        for (id, key) in profile.keys {
            setup = setup.file(&format!("conf/keys/{id}"), key.as_bytes())?;
        }
    }
    for (path, text) in conf::tables(backends.ports(), setup.port(3)) {
        setup = setup.file(path, text.as_bytes())?;
    }
    let ports = [setup.port(0), setup.port(1), setup.port(2)];
    let text = conf::http(ports, backends.ports());
    Ok((setup.start(&text)?, ports))
}

impl Run<'_> {
    fn one(&mut self, number: u64) -> Result<(), String> {
        let request = grammar::generate(self.options.seed, number);
        let predictions = model::predict(&request);
        let reply = self
            .client
            .send(&request)
            .map_err(|e| format!("{e}: {request}"))?;
        let records = self.backends.take();
        self.count(&request, &reply, records.len());
        let (prediction, difference) = self.judge.judge(&request, predictions, &reply, records);
        let Some(prediction) = prediction else {
            return Err("the model has no opinion".into());
        };
        for token in judge::hidden(&request, &prediction.strips) {
            let covered =
                |strips: &[prediction::Strip]| strips.iter().any(|s| s.covers(&token.carrier));
            let hidden = Hidden {
                request: number,
                upstream: prediction.hits.iter().any(|hit| !covered(&hit.strips)),
            };
            self.traces.hide(&token.needle, hidden);
        }
        if let Some(one) = difference {
            self.note(&one, prediction.ended, &request);
        }
        Ok(())
    }

    fn count(&mut self, request: &request::Request, reply: &client::Reply, records: usize) {
        let tally = &mut self.tally;
        tally.requests = tally.requests.saturating_add(1);
        tally.upstream = tally.upstream.saturating_add(records as u64);
        tally.from_cache += u64::from(reply.cache == "HIT");
        tally.refused += u64::from(matches!(reply.status, 401 | 403 | 410 | 444 | 451));
        tally.http2 += u64::from(request.wire == request::Wire::Http2);
    }

    /// Reads logs and cache, and forgets what is too old to matter.
    fn look(&mut self, number: u64) -> Result<(), String> {
        self.search()?;
        let old = number.saturating_sub(REMEMBER);
        self.judge.forget_before(old);
        self.traces.forget_before(old);
        if self.tally.requests % EMPTY_EVERY == 0 {
            self.wait_for_log(number)?;
            self.traces.empty()?;
        }
        Ok(())
    }

    /// What the logs and the cache have that they should not.
    fn search(&mut self) -> Result<(), String> {
        for (at, one) in self.traces.look()? {
            let request = grammar::generate(self.options.seed, at);
            let ended = model::predict(&request).first().map_or("", |p| p.ended);
            self.note(&one, ended, &request);
        }
        Ok(())
    }

    /// nginx writes a line after its answer; none, where it did not read the request's headers.
    fn wait_for_log(&mut self, number: u64) -> Result<(), String> {
        let mut failed = Ok(());
        poll::until(Duration::from_secs(1), || {
            failed = self.search();
            (failed.is_err() || self.traces.last >= number).then_some(())
        });
        failed
    }

    fn note(&mut self, one: &Difference, at: &'static str, request: &request::Request) {
        let key = (one.kind, at);
        if let Some(found) = self.found.get_mut(&key) {
            found.times = found.times.saturating_add(1);
            return;
        }
        let mut numbers = vec![request.number];
        numbers.extend(one.because_of.filter(|number| *number != request.number));
        numbers.sort_unstable();
        let text = format!(
            "{} ({at}) at request {}: {}\n  {request}\n{}",
            one.kind,
            request.number,
            one.detail,
            self.replay(&numbers)
        );
        self.found.insert(key, Found { times: 1, text });
    }

    fn replay(&self, numbers: &[u64]) -> String {
        let list: Vec<String> = numbers.iter().map(u64::to_string).collect();
        format!(
            "  again: FUZZ_SEED={} FUZZ_REQUESTS={} scenarios --live fuzz",
            self.options.seed,
            list.join(",")
        )
    }

    fn verdict(&self) -> Result<(), String> {
        if !self.found.is_empty() {
            let texts: Vec<String> = self
                .found
                .values()
                .map(|found| format!("{} times: {}", found.times, found.text))
                .collect();
            return Err(texts.join("\n\n"));
        }
        let tally = &self.tally;
        let some = [
            tally.upstream,
            tally.from_cache,
            tally.refused,
            tally.http2,
            self.traces.looked,
        ];
        if self.options.only.is_none() && some.iter().any(|count| *count < tally.requests / 100) {
            return Err("the run was blind: something hardly happened".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::prediction::Answer;
    use super::request::{Request, Wire};
    use super::site::{APPS, EDGE, MAIN, PAID, Server, look_up};
    use super::{grammar, model, ranges};

    fn get(target: &str, host: &str) -> Request {
        Request {
            number: 0,
            server: Server::Main,
            wire: Wire::Http11,
            method: "GET".into(),
            target: target.into(),
            absolute: None,
            headers: vec![("Host".into(), host.into())],
            body: Vec::new(),
            tokens: Vec::new(),
        }
    }

    #[test]
    fn a_number_of_a_seed_is_always_the_same_request() {
        for number in 0..500 {
            let [one, two] = [0, 0].map(|_| grammar::generate(7, number).bytes());
            assert_eq!(one, two);
        }
        assert_ne!(
            grammar::generate(7, 1).bytes(),
            grammar::generate(8, 1).bytes()
        );
    }

    #[test]
    fn the_model_has_an_opinion_about_everything() {
        for number in 0..2000 {
            let request = grammar::generate(11, number);
            for prediction in model::predict(&request) {
                assert_ne!(prediction.ended, "a circle", "{request}");
                assert!(!prediction.statuses.is_empty());
            }
        }
    }

    #[test]
    fn a_refusal_shows_its_page_and_nothing_else() {
        let request = get("/video/p0-0", "shop.test");
        let [prediction] = model::predict(&request).try_into().unwrap();
        assert_eq!(prediction.statuses, [403]);
        assert_eq!(prediction.answer, Answer::Page);
        let [hit] = prediction.hits.try_into().unwrap();
        assert_eq!(
            (hit.loc, hit.path.as_slice()),
            ("/", b"/denied.html".as_slice())
        );
    }

    #[test]
    fn ids_and_routes_are_unique() {
        for list in [MAIN, PAID] {
            let mut ids: Vec<&str> = list.iter().map(|loc| loc.id).collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), list.len());
        }
        assert_eq!(
            look_up(APPS, "y.x.wild.test").map(|r| r.backend),
            Some(Some(3))
        );
        assert_eq!(look_up(EDGE, "").map(|r| r.key), None);
    }

    #[test]
    fn lists_of_requests() {
        assert_eq!(ranges("3,10-12").unwrap(), [3, 10, 11, 12]);
        assert!(ranges("x").is_err());
    }
}
