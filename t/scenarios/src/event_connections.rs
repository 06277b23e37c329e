//! Connections that tasks make: TCP, unix sockets and TLS, what fails and how it reads, and that nothing is
//! left open when a worker goes.

use std::net::TcpListener;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

use crate::event_parts::Listening;

const CONF: &str = "http {
    access_log off;
    test_task connect 127.0.0.1:$TEST_NGINX_RAND_PORT_1 /tcp;
    test_task connect unix:$TEST_NGINX_SERVROOT/conf/a.sock /unix;
    test_task connect 127.0.0.1:$TEST_NGINX_RAND_PORT_3 /nobody;
    test_task connect unix:$TEST_NGINX_SERVROOT/conf/none.sock /none;
    test_task connect 127.0.0.1:$TEST_NGINX_PORT_SILENT /silent;
    test_task hasty_connect 127.0.0.1:$TEST_NGINX_PORT_SILENT /silent;
    test_task connect 127.0.0.1:$TEST_NGINX_RAND_PORT_1 /close;
    TLS
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        listen unix:$TEST_NGINX_SERVROOT/conf/a.sock;
        location = /close { return 444; }
        location / { return 200 \"$uri\"; }
    }
    SERVER
}";

const TLS: &str = "
    test_task tls 127.0.0.1:$TEST_NGINX_RAND_PORT_2 one.internal $TEST_NGINX_DATA/tls/ca.pem /tls;
    test_task tls 127.0.0.1:$TEST_NGINX_RAND_PORT_2 other.test $TEST_NGINX_DATA/tls/ca.pem;
    test_task tls 127.0.0.1:$TEST_NGINX_RAND_PORT_2 anybody.test any /any;
    test_task tls 127.0.0.1:$TEST_NGINX_RAND_PORT_2 one.internal $TEST_NGINX_DATA/tls/two.pem;
    test_task tls 127.0.0.1:$TEST_NGINX_RAND_PORT_1 one.internal $TEST_NGINX_DATA/tls/ca.pem;
    test_task tls 127.0.0.1:$TEST_NGINX_PORT_SILENT one.internal $TEST_NGINX_DATA/tls/ca.pem;
    test_task tls 127.0.0.1:$TEST_NGINX_PORT_LATE one.internal $TEST_NGINX_DATA/tls/ca.pem /late;
    test_task hasty_tls 127.0.0.1:$TEST_NGINX_PORT_SILENT one.internal any;";

const SERVER: &str = "
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2 ssl;
        ssl_certificate $TEST_NGINX_DATA/tls/one.pem;
        ssl_certificate_key $TEST_NGINX_DATA/tls/one.key;
        location / { return 200 \"$uri $ssl_server_name $ssl_protocol\"; }
    }";

/// Longer than the two seconds that these tasks wait.
const SOON: Duration = Duration::from_secs(8);

/// Without TLS: every nginx has these.
pub(super) fn plain(env: &Env) -> Result<(), String> {
    let conf = CONF.replace("TLS", "").replace("SERVER\n", "\n");
    let (silent, setup) = setup(env)?;
    let server = setup.start(&conf)?;
    let tcp = server.port(1);
    says(
        &server,
        &format!(r#"127.0.0.1:{tcp} answered "HTTP/1.1 200 OK" and 4 bytes: /tcp"#),
    )?;
    says(
        &server,
        r#"a.sock answered "HTTP/1.1 200 OK" and 5 bytes: /unix"#,
    )?;
    says(
        &server,
        r"failed \(111: Connection refused\) \[ConnectionRefused\]",
    )?;
    says(
        &server,
        r"none.sock failed \(2: No such file or directory\) \[NotFound\]",
    )?;
    says(
        &server,
        &format!(r#"127.0.0.1:{tcp} answered "" and 0 bytes"#),
    )?;
    says(&server, r"read timed out \[TimedOut\]")?;
    says(&server, r"127.0.0.1:\d+: given up")?;
    leaves_nothing(&server)?;
    drop(silent);
    server.stop()
}

/// By nginx's own OpenSSL.
pub(super) fn tls(env: &Env) -> Result<(), String> {
    let (silent, setup) = setup(env)?;
    let late = Listening::filled()?;
    let late_port = late.port();
    let server = setup
        .name("PORT_LATE", &late_port)
        .start(&CONF.replace("TLS", TLS).replace("SERVER\n", SERVER))?;
    says(
        &server,
        r#"answered "HTTP/1.1 200 OK" and \d+ bytes: /tls one.internal TL"#,
    )?;
    // All have begun: one of them has a connection only now, and its handshake is still to come.
    late.forward(server.port(2));
    says(
        &server,
        r#"answered "HTTP/1.1 200 OK" and \d+ bytes: /late one.internal"#,
    )?;
    let refused = format!("test_task: 127.0.0.1:{late_port}: ");
    if server.log().contains(&refused) {
        return Err(format!("{refused}…\n{}", server.log()));
    }
    says(
        &server,
        r#"answered "HTTP/1.1 200 OK" and \d+ bytes: /any anybody.test TL"#,
    )?;
    says(
        &server,
        r"certificate is not for other.test \[InvalidData\]",
    )?;
    says(&server, r"certificate of one.internal is not valid \(\d+:")?;
    says(
        &server,
        r"127.0.0.1:\d+: (SSL_do_handshake|peer closed connection in SSL handshake).* \[Other\]",
    )?;
    says(&server, r"TLS handshake timed out \[TimedOut\]")?;
    leaves_nothing(&server)?;
    drop(silent);
    server.stop()
}

/// Somebody who takes connections and never answers.
fn setup(env: &Env) -> Result<(TcpListener, Setup<'_>), String> {
    let silent = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
    let port = silent.local_addr().map_err(|e| e.to_string())?.port();
    let setup = Setup::new(env)?.name("PORT_SILENT", &port.to_string());
    Ok((silent, setup))
}

fn says(server: &Server, pattern: &str) -> Result<(), String> {
    server
        .wait_log(&format!("test_task: .*{pattern}"), SOON)
        .map(|_| ())
}

/// After a reload the worker before is gone, and nginx has found no socket that it left open.
fn leaves_nothing(server: &Server) -> Result<(), String> {
    let workers = server.worker_pids();
    let log = server.log();
    for severe in ["[error]", "[crit]", "[alert]"] {
        if log.contains(severe) {
            return Err(format!(
                "nginx itself has logged what a task was told\n{log}"
            ));
        }
    }
    server.reload()?;
    for worker in workers {
        server.wait_log(
            &format!(r"worker process {worker} exited with code 0"),
            SOON,
        )?;
        let line = format!(r"{worker}#0: test_task: connect has ended, shutting down");
        server.wait_log(&line, SOON)?;
    }
    // `open socket … left in connection` is an alert: the server's end judges.
    Ok(())
}
