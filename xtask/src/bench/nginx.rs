//! nginx from Debian, as the least that a proxy can do: no key, no policy, no record, no look into the body.

use std::{process::Command, time::Duration};

use super::{
    process::{Process, free_address, tied},
    subject::{Context, Subject, load},
};
use crate::conformance::peers;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn start(context: &Context) -> Result<Subject, String> {
    // nginx says its version on stderr.
    let version = peers::both_of(Command::new("nginx").arg("-v"))
        .map_err(|why| format!("{why}; install it with `apt-get install nginx-light`"))?;
    let address = free_address()?;
    let configuration = format!(
        "worker_processes auto;
daemon off;
pid {work}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {work}/nginx-body;
    proxy_temp_path {work}/nginx-proxy;
    fastcgi_temp_path {work}/nginx-fastcgi;
    uwsgi_temp_path {work}/nginx-uwsgi;
    scgi_temp_path {work}/nginx-scgi;
    keepalive_requests 100000000;
    upstream mock {{ server {mock}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
",
        work = context.work.display(),
        mock = context.mock,
    );
    let path = context.configure("nginx.conf", &configuration)?;
    let mut command = tied("nginx");
    command.arg("-c").arg(path).arg("-p").arg(&context.work);
    let mut process = Process::start(&mut command, "nginx", &context.work)?;
    let load = load(address);
    process.until_it_answers(&load, PATIENCE)?;
    Ok(Subject {
        version: version.trim().trim_start_matches("nginx version: ").to_owned(),
        load,
        id: process.id(),
        process: Some(process),
    })
}
