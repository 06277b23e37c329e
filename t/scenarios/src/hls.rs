//! A real player and a real HLS playlist: one link to the playlist admits its segments, by the cookie of `issue_cookie`.

use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64URL_NOPAD;
use md5::{Digest as _, Md5};
use nginx_prove::env::Env;
use nginx_prove::server::{Server, Setup};

pub(super) const NEEDS: &[&str] = &["file /usr/bin/ffmpeg"];

const CONF: &str = r#"
http {
    log_format mine '$uri $status $token_auth_status "$args"';
    access_log logs/access.log mine;
    map $uri $film { ~^/(cookie|plain)/(?<name>[^/]+)/ $name; }
    token_profile cookie {
        format secure_link; key file=key; message "{expires}$film {key}";
        from query=t cookie=film; issue_cookie film max_age=exp httponly samesite=lax;
    }
    token_profile plain { format secure_link; key file=key; message "{expires}$film {key}"; from query=t; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location /cookie/ { token_auth cookie; alias html/; }
        location /plain/  { token_auth plain;  alias html/; }
    }
}"#;

/// Seconds of the film, each a segment.
const LENGTH: usize = 5;

pub(super) fn run(env: &Env) -> Result<(), String> {
    let mut server = Setup::new(env)?
        .file("conf/key", b"key-one\n")?
        .file("html/alps/note", b"")?
        .file("html/other/0.ts", b"another film\n")?
        .start(CONF)?;
    film(&server.root().join("html/alps"))?;
    play(&server, "cookie")?;
    let log = server.access_log();
    // It asks for ranges, and for segments without any token in their URL.
    let wanted = (0..LENGTH).map(|n| format!("/cookie/alps/{n}.ts 206 ok \"-\""));
    for line in wanted {
        if !log.contains(&line) {
            return Err(format!("the player did not get `{line}`:\n{log}"));
        }
    }
    if log.lines().any(|line| !line.contains(" 206 ok ")) {
        return Err(format!("the player was refused something:\n{log}"));
    }
    other_films(&server)?;
    // Without the cookie it gets the playlist and no segment: that is what the cookie is for.
    server.allow("token refused: missing");
    let _ = play(&server, "plain");
    let log = server.access_log();
    if !log.contains("/plain/alps/index.m3u8 206 ok") || !log.contains("/plain/alps/0.ts 403") {
        return Err(format!("without the cookie:\n{log}"));
    }
    server.stop()
}

/// The value of a token for a film.
fn token(film: &str) -> String {
    let hash = Md5::digest(format!("4000000000{film} key-one"));
    format!("{},4000000000", BASE64URL_NOPAD.encode(&hash))
}

/// What the player was given opens no other film.
fn other_films(server: &Server) -> Result<(), String> {
    let target = format!("/cookie/alps/index.m3u8?t={}", token("alps"));
    let response = server.get(&target, "")?;
    let cookie = response.header("Set-Cookie").unwrap_or_default();
    let (pair, attributes) = cookie.split_once("; ").unwrap_or_default();
    if pair != format!("film={}", token("alps")) || !attributes.starts_with("Path=/cookie/alps/;") {
        return Err(format!("the cookie is {cookie}"));
    }
    for (path, status) in [("/cookie/alps/0.ts", 200), ("/cookie/other/0.ts", 403)] {
        let found = server.get(path, &format!("Cookie: {pair}"))?.status;
        if found != status {
            return Err(format!("{path} with the cookie: {found}"));
        }
    }
    Ok(())
}

/// Makes the film, its segments and its playlist.
fn film(folder: &Path) -> Result<(), String> {
    let source = format!("testsrc=duration={LENGTH}:size=160x120:rate=10");
    let arguments = [
        "-f",
        "lavfi",
        "-i",
        &source,
        "-c:v",
        "mpeg2video",
        "-g",
        "10",
    ];
    let playlist = ["-f", "hls", "-hls_time", "1", "-hls_list_size", "0"];
    let names = ["-hls_segment_filename", "%d.ts", "index.m3u8"];
    let arguments = arguments.into_iter().chain(playlist).chain(names);
    ffmpeg(folder, arguments)
}

/// Plays the film as a viewer does, from the link to its playlist.
fn play(server: &Server, place: &str) -> Result<(), String> {
    let (port, token) = (server.port(0), token("alps"));
    let url = format!("http://127.0.0.1:{port}/{place}/alps/index.m3u8?t={token}");
    ffmpeg(server.root(), ["-i", &url, "-f", "null", "-"].into_iter())
}

fn ffmpeg<'a>(folder: &Path, arguments: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let output = Command::new("/usr/bin/ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("ffmpeg: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
