//! `test_slots`: what a database's two slots answer, step by step, in a zone of their own.

use crate::Gatehouse;
use crate::family::Family;
use gatehouse_nginx::ffi::log;
use gatehouse_nginx::shm::Locked;
use gatehouse_nginx::shm::slots::{Draft, Outcome, Published, Slots};
use gatehouse_nginx::{Args, Conf, Contexts, Directive, Error, Level, Zone};
use std::collections::HashMap;

/// What this family brings; the reference does not tell.
pub(crate) const FAMILY: Family = Family {
    directives: DIRECTIVES,
    start_worker: |main| start_worker(&main.hooks.slots),
    ..Family::NONE
};

const DIRECTIVES: &[Directive<Gatehouse>] = &[Directive {
    name: c"test_slots",
    syntax: "size | for:bytes step …",
    default: None,
    contexts: Contexts::MAIN,
    args: Args::OneOrMore,
    text: "Does such steps in a zone of that size, or of the size for slots of so many bytes, when a worker begins, and logs what came of each: `begin:DRAFT:MS`, `append:DRAFT:TEXT`, `fill:DRAFT:BYTES` (all that there is room for but so many), `commit:DRAFT:STAMP:MS`, `lay:DRAFT:TEXT:MS`, `clear:DRAFT:BYTES` (whether there is more), `cleared`, `publish:TEXT:STAMP:MS`, `stamp:N`, `current`, `hold`, `release`, `room:BYTES` (how a slot compares), and `foreign`: those behind it have another zone's lock.",
    set,
}];

/// `http`: the zones and what is done in each.
#[derive(Default)]
pub(crate) struct Main(Vec<(Zone, Vec<String>)>);

fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let size = words.get(1).map(String::as_str).unwrap_or_default();
    let size = match size.strip_prefix("for:") {
        Some(slot) => slot.parse().map(Slots::zone_size),
        None => size.parse(),
    };
    let size = size.map_err(|_| cf.invalid(words.get(1).map_or("", String::as_str)))?;
    let number = cf.main().hooks.slots.0.len();
    let zone = cf.zone(&format!("test_slots_{number}"), size, |_, _| Ok(()))?;
    let steps = words.iter().skip(2).cloned().collect();
    cf.main().hooks.slots.0.push((zone, steps));
    Ok(())
}

/// Does the steps of each zone.
fn start_worker(main: &Main) {
    for (zone, steps) in main.0.iter().filter(|(_, steps)| !steps.is_empty()) {
        let mut others = main.0.iter().map(|(other, _)| other);
        let other = others.find(|other| !std::ptr::eq(*other, zone));
        let said = zone.slots().map(|slots| run(&slots, zone, other, steps));
        let said = said.unwrap_or_else(|| "no slots".to_owned());
        log::cycle(Level::Notice, &format!("test_slots: {said}"));
    }
}

fn run(slots: &Slots<'_>, zone: &Zone, other: Option<&Zone>, steps: &[String]) -> String {
    let mut bench = Bench {
        slots,
        drafts: HashMap::new(),
        held: None,
    };
    let mut locked = zone.lock();
    let mut said = Vec::new();
    for step in steps {
        if step == "foreign" {
            drop(locked.take());
            locked = other.and_then(Zone::lock);
            continue;
        }
        let done = locked.as_ref().and_then(|lock| bench.step(lock, step));
        said.push(done.unwrap_or_else(|| format!("what is {step}?")));
    }
    said.join(", ")
}

/// The slots, drafts by name, and what is read meanwhile.
struct Bench<'z> {
    slots: &'z Slots<'z>,
    drafts: HashMap<String, Draft>,
    held: Option<Published<'z>>,
}

impl Bench<'_> {
    /// What came of a step; None when there is no such step.
    fn step(&mut self, lock: &Locked<'_>, step: &str) -> Option<String> {
        let mut words = step.split(':');
        let what = words.next()?;
        let mut word = || words.next();
        let number = |word: Option<&str>| word?.parse::<u64>().ok();
        Some(match what {
            "begin" | "begin_to_clear" | "lay" => {
                let name = word()?.to_owned();
                let draft = match what {
                    "begin" => self.slots.begin(lock, number(word())?),
                    "begin_to_clear" => self.slots.begin_to_clear(lock, number(word())?),
                    _ => {
                        let (text, now) = (word()?, number(word())?);
                        self.slots.lay(lock, text.as_bytes(), now)
                    }
                };
                let is_begun = draft.is_some();
                self.drafts.extend(draft.map(|draft| (name, draft)));
                yes(is_begun)
            }
            "append" => {
                let draft = self.drafts.get_mut(word()?)?;
                let is_put = self.slots.append(lock, draft, word()?.as_bytes());
                let length = draft.len();
                format!("{} {}", yes(is_put), self.length(length))
            }
            "fill" => {
                let draft = self.drafts.get_mut(word()?)?;
                let but = word()?.parse::<isize>().ok()?;
                let room = self.slots.capacity().checked_sub(draft.len())?;
                let bytes = vec![b'.'; room.checked_add_signed(but.checked_neg()?)?];
                let is_put = self.slots.append(lock, draft, &bytes);
                let length = draft.len();
                format!("{} {}", yes(is_put), self.length(length))
            }
            "commit" => {
                let draft = self.drafts.get(word()?)?;
                let (stamp, now) = (number(word())?, number(word())?);
                yes(self.slots.commit(lock, draft, stamp, now))
            }
            "clear" => {
                let draft = self.drafts.get_mut(word()?)?;
                let most = usize::try_from(number(word())?).ok()?;
                let is_left = self.slots.clear(lock, draft, most);
                let length = draft.len();
                format!("{} {}", yes(is_left), self.length(length))
            }
            "cleared" => yes(self.slots.is_cleared()),
            "publish" => {
                let (text, stamp, now) = (word()?, number(word())?, number(word())?);
                match self.slots.publish(lock, text.as_bytes(), stamp, now) {
                    Outcome::Done => "done",
                    Outcome::TooSoon => "too soon",
                    Outcome::TooLarge => "too large",
                }
                .to_owned()
            }
            "stamp" => {
                self.slots.set_stamp(lock, number(word())?);
                self.slots.stamp().to_string()
            }
            "current" => self.current(),
            "room" => {
                let wanted = usize::try_from(number(word())?).ok()?;
                self.room_for(wanted)
            }
            "hold" => {
                self.held = self.slots.current();
                yes(self.held.is_some())
            }
            "release" => yes(self.held.take().is_some()),
            _ => return None,
        })
    }

    /// The generation, the bytes, how many of them, and the stamp.
    fn current(&self) -> String {
        let Some(published) = self.slots.current() else {
            return "none".to_owned();
        };
        let bytes = published.as_ref();
        let text = String::from_utf8_lossy(bytes.get(..8).unwrap_or(bytes));
        let (generation, stamp) = (published.generation, self.slots.stamp());
        let length = self.length(bytes.len());
        format!("generation {generation} is {text} of {length} with {stamp}")
    }

    /// How a slot compares with what it is to hold. Sixteen pages are to spare, and some part for nginx's own records.
    fn room_for(&self, wanted: usize) -> String {
        match self.slots.capacity().checked_sub(wanted) {
            None => "too little room".to_owned(),
            Some(spare) if spare > (wanted / 50).saturating_add(1 << 16) => {
                format!("{spare} bytes to spare")
            }
            Some(_) => "room enough".to_owned(),
        }
    }

    fn length(&self, bytes: usize) -> String {
        if bytes == self.slots.capacity() {
            "all".to_owned()
        } else {
            bytes.to_string()
        }
    }
}

fn yes(is_so: bool) -> String {
    (if is_so { "yes" } else { "no" }).to_owned()
}
