//! `redis`: the store that a table follows.

use crate::Gatehouse;
use crate::keys;
use crate::words::duplicate;
use gatehouse_live::Feeder;
use gatehouse_live::nginx::Process;
use gatehouse_live::table::redis::{
    Login, Password, Place, Server, Store, StoreFeeder, StoreWriter, Way, begin,
};
use gatehouse_live::table::{Hosts, SharedTable};
use gatehouse_nginx::event::tls::{Certificate, Tls};
use gatehouse_nginx::ffi::files;
use gatehouse_nginx::{Conf, Error, Zone};
use gatehouse_table::hipache::KeySpace;
use gatehouse_table::table::Passive;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

/// Whose certificates are trusted unless the line says so.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the line says.
pub(super) struct StoreWord {
    way: Way,
    user: String,
    password: Option<Password>,
    db: u32,
    prefix: String,
}

/// The parameters of the line as they are written.
#[derive(Default)]
struct Parameters<'w> {
    addresses: Vec<&'w str>,
    sentinel: Option<&'w str>,
    sentinel_user: Option<&'w str>,
    sentinel_password_file: Option<&'w str>,
    user: Option<&'w str>,
    password_file: Option<&'w str>,
    db: Option<&'w str>,
    prefix: Option<&'w str>,
    tls: Option<&'w str>,
    tls_ca: Option<&'w str>,
    tls_cert: Option<&'w str>,
    tls_key: Option<&'w str>,
    tls_name: Option<&'w str>,
    tls_verify: Option<&'w str>,
}

/// Reads the line.
pub(super) fn read(cf: &mut Conf<'_, Gatehouse>, words: &[&str]) -> Result<StoreWord, Error> {
    let said = parameters(cf, words)?;
    let port = if said.sentinel.is_some() {
        SENTINEL_PORT
    } else {
        PORT
    };
    let servers: Result<Vec<Server>, Error> = said
        .addresses
        .iter()
        .map(|text| Server::parse(text, port).ok_or_else(|| no_address(text)))
        .collect();
    let servers = servers?;
    if servers.is_empty() {
        return Err(cf.error("has no address"));
    }
    let tls = tls(cf, &said, &servers)?;
    let password = match said.password_file {
        Some(path) => Some(password(cf, path)?),
        None if said.user.is_some() => {
            return Err(Error::new(
                "\"user\" needs \"password_file\" in \"redis\" directive",
            ));
        }
        None => None,
    };
    let login = sentinel_login(cf, &said)?;
    let db = said.db.map_or(Ok(0), |db| {
        db.parse().map_err(|_| cf.invalid(&format!("db={db}")))
    })?;
    let main = &mut cf.main().upstream;
    Ok(StoreWord {
        way: Way {
            servers,
            master: said.sentinel.map(str::to_owned),
            login,
            tls,
            resolver: Rc::clone(&main.resolver),
        },
        user: said.user.unwrap_or_default().to_owned(),
        password,
        db,
        prefix: said.prefix.unwrap_or_default().to_owned(),
    })
}

/// Who logs in at Sentinels.
fn sentinel_login(
    cf: &Conf<'_, Gatehouse>,
    said: &Parameters<'_>,
) -> Result<Option<Rc<Login>>, Error> {
    let (user, path) = (said.sentinel_user, said.sentinel_password_file);
    if said.sentinel.is_none() && (user.is_some() || path.is_some()) {
        let text = "\"sentinel_…\" needs \"sentinel\" in \"redis\" directive";
        return Err(Error::new(text));
    }
    let Some(path) = path else {
        return match user {
            None => Ok(None),
            Some(_) => Err(Error::new(
                "\"sentinel_user\" needs \"sentinel_password_file\" in \"redis\" directive",
            )),
        };
    };
    Ok(Some(Rc::new(Login {
        user: user.unwrap_or_default().to_owned(),
        password: password(cf, path)?,
    })))
}

fn no_address(text: &str) -> Error {
    let text = format!(
        "invalid address \"{text}\" in \"redis\" directive, it must be HOST, HOST:PORT or unix:/PATH"
    );
    Error::new(text)
}

fn parameters<'w>(cf: &Conf<'_, Gatehouse>, words: &[&'w str]) -> Result<Parameters<'w>, Error> {
    let mut said = Parameters::default();
    for word in words {
        let (name, value) = match word.split_once('=') {
            _ if word.starts_with("unix:") => ("", *word),
            Some((name, value)) => (name, value),
            None if *word == "tls" => ("tls", ""),
            None => ("", *word),
        };
        let place = match name {
            "" => {
                said.addresses.push(value);
                continue;
            }
            "sentinel" => &mut said.sentinel,
            "sentinel_user" => &mut said.sentinel_user,
            "sentinel_password_file" => &mut said.sentinel_password_file,
            "user" => &mut said.user,
            "password_file" => &mut said.password_file,
            "db" => &mut said.db,
            "prefix" => &mut said.prefix,
            "tls" => &mut said.tls,
            "tls_ca" => &mut said.tls_ca,
            "tls_cert" => &mut said.tls_cert,
            "tls_key" => &mut said.tls_key,
            "tls_name" => &mut said.tls_name,
            "tls_verify" => &mut said.tls_verify,
            _ => return Err(cf.invalid_parameter(word)),
        };
        if value.is_empty() && !matches!(name, "tls" | "prefix") {
            return Err(cf.invalid(word));
        }
        if place.replace(value).is_some() {
            return Err(duplicate(cf, word));
        }
    }
    Ok(said)
}

/// TLS, and the name to be verified if it is not that of the server.
fn tls(
    cf: &Conf<'_, Gatehouse>,
    said: &Parameters<'_>,
    servers: &[Server],
) -> Result<Option<(Tls, Option<String>)>, Error> {
    let verifies = match said.tls_verify {
        None | Some("on") => true,
        Some("off") => false,
        Some(other) => {
            let legal = ["tls_verify=on", "tls_verify=off"];
            let word = format!("tls_verify={other}");
            return Err(gatehouse_base::words::invalid(&word, &cf.name(), legal).into());
        }
    };
    if said.tls.is_none() {
        let without = [
            said.tls_ca,
            said.tls_cert,
            said.tls_key,
            said.tls_name,
            said.tls_verify,
        ];
        if without.iter().any(Option::is_some) {
            return Err(Error::new("\"tls_…\" needs \"tls\" in \"redis\" directive"));
        }
        return Ok(None);
    }
    let is_named = |server: &Server| matches!(server.place, Place::Name(..));
    let all_named = said.sentinel.is_none() && servers.iter().all(is_named);
    if said.tls_name.is_none() && verifies && !all_named {
        return Err(Error::new(
            "\"tls\" needs \"tls_name\" in \"redis\" directive: certificates are for names, and the servers here are addresses",
        ));
    }
    let ca = said.tls_ca.map(|path| cf.path(path)).transpose()?;
    let ca = ca.as_deref().unwrap_or(Path::new(SYSTEM_CA));
    if verifies {
        check_file(ca, "CA file")?;
    }
    let own = match (said.tls_cert, said.tls_key) {
        (None, None) => None,
        (Some(chain), Some(key)) => Some((cf.path(chain)?, cf.path(key)?)),
        _ => {
            return Err(Error::new(
                "\"tls_cert\" and \"tls_key\" need each other in \"redis\" directive",
            ));
        }
    };
    if let Some((chain, key)) = &own {
        check_file(chain, "certificate")?;
        check_file(key, "certificate key")?;
    }
    let own = own.as_ref();
    let own = own.map(|(chain, key)| Certificate { chain, key });
    let tls = Tls::client(cf, verifies.then_some(ca), own.as_ref())?;
    // Without verification any name will do.
    let name = said.tls_name.or((!verifies).then_some("redis"));
    Ok(Some((tls, name.map(str::to_owned))))
}

/// nginx itself would say neither the directive nor the line.
fn check_file(path: &Path, what: &str) -> Result<(), Error> {
    files::open(path).map(drop).map_err(|e| {
        let (shown, error) = (path.display(), files::errno(&e));
        Error::new(format!(
            "cannot load {what} \"{shown}\" ({error}) in \"redis\" directive"
        ))
    })
}

fn password(cf: &Conf<'_, Gatehouse>, path: &str) -> Result<Password, Error> {
    Ok(Password::new(keys::read(cf, path)?.as_bytes()))
}

impl StoreWord {
    /// The feeder of a table that follows the store, and what writes to it.
    pub(super) fn parts(
        self,
        table: Rc<SharedTable<Zone>>,
        passive: Passive,
        hosts: Rc<RefCell<Hosts>>,
    ) -> (Box<dyn Feeder>, Rc<StoreWriter>) {
        let store = Rc::new(Store {
            user: self.user,
            password: self.password,
            db: self.db,
            keys: KeySpace::new(&self.prefix, table.mode()),
            wants_master: self.way.master.is_some(),
            passive,
        });
        let world = Rc::new(Process);
        let writer = StoreWriter::new(
            self.way.clone(),
            Rc::clone(&store),
            Rc::clone(&hosts),
            Rc::<Process>::clone(&world),
        );
        let way = self.way;
        let begin = Box::new(move |line| begin(&way, line));
        let feeder = StoreFeeder::new(table, store, hosts, world, begin);
        (Box::new(feeder), Rc::new(writer))
    }
}
