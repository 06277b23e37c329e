//! Questions to nginx's resolver: each a task.

use super::ask::{Ask, Heard, Reply};
use super::records::{Record, holds_ms, located};
use gatehouse_nginx::event::resolver::{Found, LookupError, Resolver};
use gatehouse_nginx::event::sleep::within;
use gatehouse_nginx::event::task;
use gatehouse_table::route::Sought;
use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a question may take: nginx asks once more after five seconds, since packets get lost.
const PATIENCE: Duration = Duration::from_secs(9);

type Replies = Rc<RefCell<VecDeque<Reply>>>;

/// The name servers of the configuration.
pub struct NameServers {
    resolver: Rc<OnceCell<Resolver>>,
    replies: RefCell<Replies>,
}

impl NameServers {
    /// Those that the resolver asks, which is known once the configuration is read.
    #[must_use]
    pub fn new(resolver: Rc<OnceCell<Resolver>>) -> Self {
        Self {
            resolver,
            replies: RefCell::default(),
        }
    }
}

impl Ask for NameServers {
    fn ask(&self, text: Rc<str>) {
        let replies = Rc::clone(&self.replies.borrow());
        let resolver = self.resolver.get().cloned();
        let (again, later) = (Rc::clone(&text), Rc::clone(&replies));
        let begun = task::spawn("resolving a name", async move {
            let sought = Sought::of_text(&text);
            let answer = match resolver {
                Some(resolver) => within(PATIENCE, ask(&resolver, sought)).await,
                None => Ok(Err(LookupError::NotAsked)),
            };
            let answer = answer.unwrap_or(Err(LookupError::TimedOut));
            later
                .borrow_mut()
                .push_back((Rc::clone(&text), answer.map_err(why)));
        });
        if !begun {
            let reply = (again, Err(why(LookupError::Ended)));
            replies.borrow_mut().push_back(reply);
        }
    }

    fn answer(&self) -> Option<Reply> {
        self.replies.borrow().borrow_mut().pop_front()
    }

    fn forget(&self) {
        // Tasks under way have the queue of before.
        self.replies.replace(Replies::default());
    }
}

/// Asks nginx's resolver for a name.
///
/// # Errors
/// Why it has no address.
pub async fn ask(resolver: &Resolver, sought: Sought<'_>) -> Result<Heard, LookupError> {
    let found = match sought.service {
        Some(service) => resolver.services(service, sought.name).await,
        None => resolver.lookup(sought.name).await,
    };
    let found = found.map(|found| heard(&found, sought))?;
    found.usable(sought).ok_or(LookupError::NotFound)
}

fn why(error: LookupError) -> String {
    match error {
        // The line says already that it is not found.
        LookupError::NotFound => "there is no such name, or it has no address".into(),
        error => error.to_string(),
    }
}

fn heard(found: &Found, sought: Sought<'_>) -> Heard {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let records = found.addresses.iter();
    let records = records.map(|one| Record {
        at: one.address,
        priority: one.priority,
        weight: one.weight,
    });
    Heard {
        found: located(records, sought.service.is_some()),
        holds_ms: holds_ms(found.valid_until, now.unwrap_or_default()),
    }
}
