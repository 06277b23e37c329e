//! Changes over the API while nginx is reloaded, with zones of other sizes in between: none that was answered is lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use nginx_prove::env::Env;
use nginx_prove::http::Response;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::api::send;

const RELOADS: usize = 17;
const CLIENTS: usize = 4;
/// Keys of a client of its own: nobody else changes them, so it knows what they are.
const KEYS: usize = 50;
/// Fewer changes for a reload would say little.
const CHANGES: usize = 20;
const LONG: Duration = Duration::from_secs(30);

/// What each key was answered to be: the port of its backend, or that it is gone.
type Model = BTreeMap<String, Option<u16>>;

fn conf(workers: usize, zone: &str) -> String {
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{ zone {zone}; }}
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location /_apps/ {{ upstream_api apps write=on; }}
            }}
        }}"
    )
}

fn route(port: u16) -> String {
    format!("{{\"backends\":[\"http://127.0.0.1:{port}\"]}}")
}

/// One change. A worker that goes may not answer, and one whose table was replaced says so: then it is sent again.
fn change(port: u16, client: usize, rng: &mut Rng, model: &mut Model) -> Result<(), String> {
    let key = format!("c{client}-{}.test", rng.usize(..KEYS));
    let wanted = (rng.usize(..4) > 0).then(|| rng.u16(1..));
    let request = match wanted {
        Some(port) => format!("PUT /_apps/{key}\n{}", route(port)),
        None => format!("DELETE /_apps/{key}"),
    };
    let answered = || {
        let answer = send(port, &request, "").ok()?;
        match (answer.status, wanted) {
            (200 | 201, Some(_)) | (204 | 404, None) => Some(Ok(())),
            (503, _) => None,
            _ => Some(Err(format!("{request}: {}", answer.status))),
        }
    };
    poll::until(LONG, answered).ok_or_else(|| format!("{request}: no answer"))??;
    model.insert(key, wanted);
    Ok(())
}

fn changes(port: u16, client: usize, mut rng: Rng, stop: &AtomicBool) -> Result<Model, String> {
    let (mut model, mut count) = (Model::new(), 0_usize);
    while !stop.load(Ordering::Relaxed) {
        change(port, client, &mut rng, &mut model)?;
        count = count.saturating_add(1);
    }
    if count < RELOADS * CHANGES {
        return Err(format!("only {count} changes"));
    }
    Ok(model)
}

fn is_so(answer: &Response, wanted: Option<u16>) -> bool {
    match wanted {
        Some(port) => answer.status == 200 && answer.text().trim_end() == route(port),
        None => answer.status == 404,
    }
}

fn reload(server: &Server, workers: usize) -> Result<(), String> {
    for zone in ["1m", "2m"].into_iter().cycle().take(RELOADS) {
        server.write_conf(&conf(workers, zone))?;
        server.reload()?;
        // The same size once more: then the zone is kept.
        server.reload()?;
    }
    Ok(())
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let seed = fastrand::u64(..);
    println!("# seed {seed}");
    for workers in [1, 2, 4] {
        let server = Setup::new(env)?.start(&conf(workers, "1m"))?;
        let (port, stop) = (server.port(0), AtomicBool::new(false));
        let mut rng = Rng::with_seed(seed);
        let models = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (rng, stop) = (rng.fork(), &stop);
                    scope.spawn(move || changes(port, client, rng, stop))
                })
                .collect();
            let reloaded = reload(&server, workers);
            stop.store(true, Ordering::Relaxed);
            let joined = clients
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|_| Err("a client ended".into())));
            let models = joined.collect::<Result<Vec<_>, String>>();
            reloaded.and(models)
        })?;
        for (key, wanted) in models.into_iter().flatten() {
            let answer = send(port, &format!("GET /_apps/{key}"), "")?;
            if !is_so(&answer, wanted) {
                return Err(format!(
                    "{workers} workers: {key} is {} {}, not {wanted:?}",
                    answer.status,
                    answer.text()
                ));
            }
        }
        server.stop()?;
    }
    Ok(())
}
