//! One request through the mesh.
//!
//! Held: a request whose pod did not answer is tried again exactly when that cannot do harm (a method that may be repeated,
//! and no body), as often as its route says, on another pod where there is one.

use super::meter::Line;
use super::routes::{Course, Door, Said, service};
use super::{Asked, World};
use crate::forward::{Client, Inward, drop_hop_by_hop, host, is_idempotent, own_words, prepare, send};
use crate::route::{Backend, Port};
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{Either, Empty};
use hyper::body::{Body, Incoming};
use std::net::SocketAddr;
use tokio::time::Instant;

/// What the host of a copied request ends with, as in Istio.
const SHADOW: &str = "-shadow";

/// Answers one request.
pub(crate) async fn forward(
    world: &World,
    client: &Client,
    door: Door,
    request: Request<Incoming>,
    from: SocketAddr,
) -> Response<Inward> {
    let (mut parts, body) = request.into_parts();
    let named = host(&parts.headers, &parts.uri);
    let Some(course) = world.course(door, &named, &parts) else {
        return own_words(
            StatusCode::NOT_FOUND,
            "no VirtualService has a route for this, and no Service its name\n",
        );
    };
    let Some(endpoint) = world.endpoint(&course.backend, None) else {
        return own_words(StatusCode::SERVICE_UNAVAILABLE, "the Service has no ready endpoint\n");
    };
    let is_bare = body.is_end_stream();
    let repeatable = is_bare && is_idempotent(&parts.method);
    prepare(&mut parts.headers, &named, from);
    along(&course, &mut parts);
    if let Some(to) = course.mirror.as_ref().filter(|_| is_bare) {
        shadow(world, client, &course, to, parts.clone(), &named);
    }
    let begun = Instant::now();
    let spare = repeatable.then(|| parts.clone());
    let mut answer = send(client, parts, Either::Left(body), endpoint, course.patience).await;
    let mut endpoint = endpoint;
    for _ in 1..course.tries {
        let (Err(_), Some(parts)) = (&answer, &spare) else { break };
        let Some(other) = world.endpoint(&course.backend, Some(endpoint)) else { break };
        endpoint = other;
        answer = send(client, parts.clone(), Either::Right(Empty::new()), other, course.patience).await;
    }
    match answer {
        Ok(mut answer) => {
            world.count(&course.backend, endpoint, answer.status().as_u16(), begun);
            drop_hop_by_hop(answer.headers_mut());
            course.response.iter().for_each(|changes| changes.make(answer.headers_mut()));
            answer.map(Either::Left)
        }
        Err(status) => own_words(status, "the pod did not answer\n"),
    }
}

/// Makes a request what its course says it shall be.
fn along(course: &Course, parts: &mut Parts) {
    if let Some(path) = &course.path {
        let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(uri) = format!("{path}{query}").parse() {
            parts.uri = uri;
        }
    }
    if let Some(authority) = course.authority.as_ref().and_then(|it| HeaderValue::from_str(it).ok()) {
        parts.headers.insert(header::HOST, authority);
    }
    course.request.iter().for_each(|changes| changes.make(&mut parts.headers));
}

/// Sends a copy whose answer nobody waits for. It is counted by its pod like any other.
fn shadow(world: &World, client: &Client, course: &Course, to: &Backend, mut parts: Parts, host: &str) {
    let Some(endpoint) = world.endpoint(to, None) else { return };
    if let Ok(host) = HeaderValue::from_str(&format!("{host}{SHADOW}")) {
        parts.headers.insert(header::HOST, host);
    }
    let (client, patience) = (client.clone(), course.patience);
    let line = world.line(to, endpoint);
    let meter = world.meter.clone();
    tokio::spawn(async move {
        let begun = Instant::now();
        if let Ok(answer) = send(&client, parts, Either::Right(Empty::new()), endpoint, patience).await {
            meter.count(Line { code: answer.status().as_u16(), ..line }, begun.elapsed());
        }
    });
}

impl World {
    fn course(&self, door: Door, named: &str, parts: &Parts) -> Option<Course> {
        let asked = Asked { host: named, method: &parts.method, uri: &parts.uri, headers: &parts.headers };
        let tables = self.tables.read();
        match tables.routes.say(door, &asked) {
            Said::Go(course) => return Some(*course),
            Said::NoRoute => return None,
            Said::Nothing => {}
        }
        // From inside, a Service is reached by its name, whatever port: the one of the address is that of the sidecar.
        let (namespace, service) = service(&named.to_lowercase(), "").filter(|_| door == Door::Sidecar)?;
        let known = tables.pools.knows(&(namespace.clone(), service.clone()));
        let port = parts.uri.port_u16().map_or(Port::First, Port::Number);
        known.then(|| Course::straight(Backend { namespace, service, port }))
    }

    fn endpoint(&self, backend: &Backend, avoid: Option<SocketAddr>) -> Option<SocketAddr> {
        self.tables.read().pools.find(backend)?.next(avoid)
    }

    /// The line of an answer, whose code is to come.
    fn line(&self, backend: &Backend, endpoint: SocketAddr) -> Line {
        let tables = self.tables.read();
        let (namespace, workload) =
            tables.workloads.at(endpoint.ip()).unwrap_or((&backend.namespace, "unknown"));
        Line {
            namespace: namespace.to_owned(),
            workload: workload.to_owned(),
            service: backend.service.clone(),
            code: 0,
        }
    }

    fn count(&self, backend: &Backend, endpoint: SocketAddr, code: u16, begun: Instant) {
        self.meter.count(Line { code, ..self.line(backend, endpoint) }, begun.elapsed());
    }
}
