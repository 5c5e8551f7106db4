//! One request through the ingress: route, side, endpoint, there and back.
//!
//! Held: a request whose pod did not answer is tried on another one exactly when that cannot do harm (a method that may
//! be repeated, and no body), and never more than once.

use crate::World;
use crate::canary::Side;
use crate::forward::{
    ANSWER_MAX, Client, Inward, cookie, drop_hop_by_hop, host, is_idempotent, own_words, prepare, send,
};
use crate::route::Backend;
use crate::stats::Source;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{Either, Empty};
use hyper::body::{Body, Incoming};
use std::net::SocketAddr;

/// Answers one request.
pub(crate) async fn forward(
    world: &World,
    client: &Client,
    request: Request<Incoming>,
    from: SocketAddr,
) -> Response<Inward> {
    let (mut parts, body) = request.into_parts();
    let host = host(&parts.headers, &parts.uri);
    let Some((backend, endpoint)) = world.choose(&host, parts.uri.path(), &parts.headers) else {
        world.counters.change(|stats| stats.no_route += 1);
        return own_words(StatusCode::NOT_FOUND, "no Ingress has a route for this host and path\n");
    };
    let Some(endpoint) = endpoint else {
        world.counters.change(|stats| stats.no_endpoint += 1);
        return own_words(StatusCode::SERVICE_UNAVAILABLE, "the Service has no ready endpoint\n");
    };
    let repeatable = body.is_end_stream() && is_idempotent(&parts.method);
    prepare(&mut parts.headers, &host, from);
    let spare = repeatable.then(|| parts.clone());
    let mut answer = send(client, parts, Either::Left(body), endpoint, ANSWER_MAX).await;
    if let (Err(_), Some(parts)) = (&answer, spare)
        && let Some(other) = world.another(&backend, endpoint)
    {
        world.counters.change(|stats| stats.retried += 1);
        answer = send(client, parts, Either::Right(Empty::new()), other, ANSWER_MAX).await;
    }
    match answer {
        Ok(answer) => returned(world, backend, answer),
        Err(status) => {
            world.counters.change(|stats| stats.broken += 1);
            own_words(status, "the pod did not answer\n")
        }
    }
}

fn returned(world: &World, backend: Backend, mut answer: Response<Incoming>) -> Response<Inward> {
    let version = answer.headers().get("x-version").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let source =
        Source { namespace: backend.namespace, service: backend.service, version: version.to_owned() };
    world.counters.served(source, answer.status().is_server_error());
    drop_hop_by_hop(answer.headers_mut());
    answer.map(Either::Left)
}

impl World {
    /// The backend of a request and one of its endpoints; none without a route. A canary without endpoints leaves its
    /// requests to the main Service, as ingress-nginx does.
    fn choose(&self, host: &str, path: &str, headers: &HeaderMap) -> Option<(Backend, Option<SocketAddr>)> {
        let tables = self.tables.read();
        let route = tables.routes.find(host, path)?;
        if let Some((policy, canary)) = &route.canary
            && let Some(pool) = tables.pools.find(canary)
        {
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            if policy.decide(header, |name| cookie(headers, name), &route.share) == Side::Canary {
                return Some((canary.clone(), pool.next(None)));
            }
        }
        let endpoint = tables.pools.find(&route.backend).and_then(|pool| pool.next(None));
        Some((route.backend.clone(), endpoint))
    }

    fn another(&self, backend: &Backend, avoid: SocketAddr) -> Option<SocketAddr> {
        self.tables.read().pools.find(backend)?.next(Some(avoid))
    }
}
