//! What a check adds to the processor's time of a request, and how much that is of what the same work takes in other places.
//!
//! One process of nginx for each side. They take short turns, since processors are not as fast in one second as in the next:
//! what a side adds in a turn is its time less the base's of the same turn. A round's figure is the median of its turns, and
//! beside the median of the rounds stands how far they lie apart.

use crate::callgrind::{self, Running};
use crate::client::{self, Client};
use crate::conf::Rig;
use crate::load::Load;
use crate::native::{median, processor_time};
use crate::rows::{Row, Side, Work};
use crate::signature::Signature;

const ROUNDS: usize = 15;
/// Turns of a round, and those before the first one, which have LuaJIT compile.
const TURNS: usize = 25;
const WARM_UP: usize = 5;
/// Requests of a turn, and the connections that they come over, one request over each at a time.
const REQUESTS: usize = 2_000;
const CONNECTIONS: usize = 16;
/// How many requests are different.
const DIFFERENT: usize = 10_000;

/// The head of the table, in Markdown.
pub(crate) const HEAD: &str = "\
    | work | where | µs of the processor | adds, median of the rounds | half of the rounds | \
    Gatehouse's is of it | half of the rounds | goal |\n\
    |---|---|---:|---:|---:|---:|---:|---:|";

/// The lines of one row.
pub(crate) fn lines(rig: &Rig, row: &Row) -> Result<String, String> {
    let nginx = |name: &str, side: &Side| Nginx::start(rig, row, name, side).map(Kind::Nginx);
    let mut places = vec![
        Place::of("without", nginx("base", &row.base)?),
        Place::of("Gatehouse", nginx("ours", &row.ours)?),
    ];
    for (n, beside) in row.beside.iter().enumerate() {
        let kind = match &beside.work {
            Work::Nginx(side) if !rig.has(side.words) => Kind::Skipped,
            Work::Nginx(side) => nginx(&format!("beside{n}"), side)?,
            Work::Signature => Kind::Signature(Signature::of(row.load)?),
        };
        places.push(Place {
            goal: beside.goal,
            ..Place::of(beside.name, kind)
        });
    }
    let requests = Requests::of(row.load);
    for (n, place) in places.iter_mut().enumerate() {
        place.number = n;
        place.warm_up(&requests)?;
    }
    for _ in 0..ROUNDS * TURNS {
        for place in &mut places {
            place.turn(&requests)?;
        }
        // Nobody is always the first one.
        places.rotate_left(1);
    }
    places.sort_by_key(|place| place.number);
    Ok(told(row.title, &places))
}

fn told(title: &str, places: &[Place]) -> String {
    let base = places.first().map_or(&[][..], |place| &place.turns);
    let mut text = String::new();
    let mut ours = Vec::new();
    for place in places {
        let work = if place.number == 0 { title } else { "" };
        text.push_str(&format!("| {work} | {} ", place.name));
        let whole = median(place.turns.iter().copied());
        let added = match place.kind {
            Kind::Nginx(_) => rounds(&place.turns, base),
            Kind::Signature(_) => rounds(&place.turns, &vec![0.0; base.len()]),
            Kind::Skipped => Vec::new(),
        };
        text.push_str(&match (place.number, &place.kind) {
            (_, Kind::Skipped) => "| SKIP: not installed | | | | | |\n".to_owned(),
            (0, _) => format!("| {whole:.2} | | | | | |\n"),
            (1, _) => {
                ours = added;
                format!("| {whole:.2} | {} | | | |\n", spread(&ours))
            }
            _ => {
                let ratios: Vec<f64> = ours.iter().zip(&added).map(|(a, b)| a / b).collect();
                let goal = place.goal.map(|goal| goal.to_string()).unwrap_or_default();
                let (added, ratios) = (spread(&added), spread(&ratios));
                format!("| {whole:.2} | {added} | {ratios} | {goal} |\n")
            }
        });
    }
    text
}

/// What the turns of each round add to the base's.
fn rounds(turns: &[f64], base: &[f64]) -> Vec<f64> {
    let added =
        |(turns, base): (&[f64], &[f64])| median(turns.iter().zip(base).map(|(a, b)| a - b));
    let (turns, base) = (turns.chunks(TURNS), base.chunks(TURNS));
    turns.zip(base).map(added).collect()
}

/// The median of the rounds, and between which figures the middle half of them lies.
fn spread(figures: &[f64]) -> String {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |quarter: usize| {
        let last = sorted.len().saturating_sub(1);
        sorted.get(last * quarter / 4).copied().unwrap_or(f64::NAN)
    };
    format!("{:.2} | {:.2}–{:.2}", at(2), at(1), at(3))
}

/// One that takes its turns.
struct Place {
    number: usize,
    name: &'static str,
    kind: Kind,
    goal: Option<f64>,
    /// The microseconds of the processor for a request, of each turn.
    turns: Vec<f64>,
}

enum Kind {
    Nginx(Nginx),
    Signature(Signature),
    /// It cannot be had.
    Skipped,
}

impl Place {
    fn of(name: &'static str, kind: Kind) -> Self {
        Self {
            number: 0,
            name,
            kind,
            goal: None,
            turns: Vec::new(),
        }
    }

    fn turn(&mut self, requests: &Requests) -> Result<(), String> {
        let took = match &mut self.kind {
            Kind::Nginx(nginx) => nginx.take(requests.part(self.turns.len()))?,
            Kind::Signature(signature) => signature.time()?,
            Kind::Skipped => return Ok(()),
        };
        self.turns.push(took);
        Ok(())
    }

    fn warm_up(&mut self, requests: &Requests) -> Result<(), String> {
        (0..WARM_UP).try_for_each(|_| self.turn(requests))?;
        self.turns.clear();
        match &self.kind {
            Kind::Nginx(nginx) if self.number > 0 => nginx.refuses(&requests.forged()?),
            _ => Ok(()),
        }
    }
}

/// The requests of a load as they are sent.
struct Requests(Vec<String>);

impl Requests {
    fn of(load: Load) -> Self {
        let nth = |n| client::rendered(&load.target(n), &load.lines(n));
        Self((0..DIFFERENT).map(nth).collect())
    }

    /// Those of a turn.
    fn part(&self, turn: usize) -> &[String] {
        let parts = self.0.chunks(REQUESTS);
        let turn = turn % parts.len();
        self.0.chunks(REQUESTS).nth(turn).unwrap_or_default()
    }

    /// The first one, with another letter where its MAC or signature begins.
    fn forged(&self) -> Result<Vec<u8>, String> {
        let text = self.0.first().map_or("", String::as_str);
        let token = text.find("hmac=").map(|at| at + "hmac=".len());
        let token = token.or_else(|| {
            let from = text.find("Bearer ")?;
            let len = text.get(from..)?.find("\r\n")?;
            let dot = text.get(from..from + len)?.rfind('.')?;
            Some(from + dot + 1)
        });
        let mut text = text.as_bytes().to_vec();
        let letter = token.and_then(|at| text.get_mut(at)).ok_or("no token")?;
        *letter = if *letter == b'a' { b'b' } else { b'a' };
        Ok(text)
    }
}

/// An nginx that requests are sent to.
struct Nginx {
    server: Running,
    address: String,
    clients: Vec<Client>,
}

impl Nginx {
    fn start(rig: &Rig, row: &Row, name: &str, side: &Side) -> Result<Self, String> {
        let conf = rig.conf(row.conf, side.words);
        let (server, address) = callgrind::natively(rig, &format!("{}-{name}", row.name), &conf)?;
        let clients = (0..CONNECTIONS).map(|_| Client::connect(&address));
        Ok(Self {
            clients: clients.collect::<Result<_, _>>()?,
            server,
            address,
        })
    }

    /// A side that lets everything pass would do no work.
    fn refuses(&self, forged: &[u8]) -> Result<(), String> {
        let mut client = Client::connect(&self.address)?;
        client.write(forged)?;
        let taken = client.take(200);
        let is_refused =
            matches!(&taken, Err(text) if text.contains("403") || text.contains("401"));
        let told = || format!("{}: a forged token: {taken:?}", self.address);
        is_refused.then_some(()).ok_or_else(told)
    }

    /// The microseconds that these requests take of the processor, each.
    fn take(&mut self, requests: &[String]) -> Result<f64, String> {
        let used = processor_time(self.server.id())?;
        for batch in requests.chunks(CONNECTIONS) {
            for (client, text) in self.clients.iter_mut().zip(batch) {
                client.write(text.as_bytes())?;
            }
            for (client, _) in self.clients.iter_mut().zip(batch) {
                client.take(200)?;
            }
        }
        let used = processor_time(self.server.id())?.saturating_sub(used);
        Ok(used as f64 / 1000.0 / requests.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::{DIFFERENT, Kind, Place, REQUESTS, Requests, TURNS, rounds, spread, told};
    use crate::load::Load;

    #[test]
    fn the_middle_half_of_the_rounds_is_shown() {
        assert_eq!(spread(&[5.0, 1.0, 4.0, 2.0, 3.0]), "3.00 | 2.00–4.00");
        assert_eq!(spread(&[]), "NaN | NaN–NaN");
    }

    #[test]
    fn a_round_is_the_median_of_its_turns() {
        let base = [vec![1.0; TURNS], vec![3.0; TURNS]].concat();
        let mut turns = vec![4.0; 2 * TURNS];
        turns[0] = 1000.0;
        assert_eq!(rounds(&turns, &base), [3.0, 1.0]);
    }

    #[test]
    fn what_cannot_be_had_is_said() {
        let mut place = Place::of("Lua", Kind::Skipped);
        place.number = 2;
        place.turn(&Requests::of(Load::Plain)).unwrap();
        let line = "|  | Lua | SKIP: not installed | | | | | |\n";
        assert_eq!(told("edge", &[place]), line);
    }

    #[test]
    fn turns_send_all_requests_again_and_again() {
        let requests = Requests::of(Load::Plain);
        assert_eq!(requests.part(0).len(), REQUESTS);
        assert_eq!(requests.part(1), requests.part(1 + DIFFERENT / REQUESTS));
        assert_ne!(requests.part(0), requests.part(1));
    }

    #[test]
    fn one_letter_of_a_forged_token_is_another() {
        for load in [Load::Edge, Load::Hs256, Load::Rs256, Load::Es256] {
            let requests = Requests::of(load);
            let (forged, good) = (requests.forged().unwrap(), requests.0[0].as_bytes());
            let other = forged.iter().zip(good).filter(|(a, b)| a != b).count();
            assert_eq!((forged.len(), other), (good.len(), 1));
        }
    }
}
