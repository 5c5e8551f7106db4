//! The address of a Prometheus that has scraped the mesh: `/api/v1/query`, and the names of all metrics.
//!
//! Below `/istio-1.4`, durations have the name that they had up to that version of Istio.

use super::meter::{Era, Labels, Meter};
use super::query::{Found, LOOK_BACK, Refused, answer};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::forward::Inward;

/// Where the old names are.
const OLD: &str = "/istio-1.4";

/// Answers one request, whose body is not looked at.
pub(crate) fn respond<B>(meter: &Meter, request: &Request<B>) -> Response<Inward> {
    let path = request.uri().path();
    let (era, path) = match path.strip_prefix(OLD) {
        Some(rest) => (Era::Seconds, rest),
        None => (Era::Milliseconds, path),
    };
    let now = meter.seconds();
    let series = meter.series(era, now - LOOK_BACK);
    let (status, answer) = match path {
        _ if *request.method() != Method::GET => {
            (405, failed("bad_data", "ask with GET, the query in the address"))
        }
        "/api/v1/query" => {
            queried(request.uri().query().unwrap_or_default(), |query| answer(query, &series, now))
        }
        "/api/v1/label/__name__/values" => {
            let names: BTreeSet<&String> = series.iter().filter_map(|it| it.labels.get("__name__")).collect();
            (200, json!({"status": "success", "data": names}))
        }
        _ => (404, failed("not_found", &format!("this stand-in for Prometheus has no {path}"))),
    };
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(answer.to_string()))));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn queried(parameters: &str, answer: impl Fn(&str) -> Result<Found, Refused>) -> (u16, Value) {
    let mut pairs = url::form_urlencoded::parse(parameters.as_bytes());
    let Some((_, query)) = pairs.find(|(name, _)| name == "query") else {
        return (400, failed("bad_data", "the parameter query is missing"));
    };
    // Only now is known here.
    if let Some((name, _)) =
        url::form_urlencoded::parse(parameters.as_bytes()).find(|(name, _)| name == "time")
    {
        return (422, failed("execution", &format!("this stand-in for Prometheus does not know {name}")));
    }
    match answer(&query) {
        Ok(Found::Number(number)) => (200, success("scalar", &point(number))),
        Ok(Found::Vector(vector)) => {
            let one = |(labels, value): (Labels, f64)| json!({"metric": labels, "value": point(value)});
            (200, success("vector", &vector.into_iter().map(one).collect()))
        }
        Err(Refused::Malformed(why)) => (400, failed("bad_data", &why)),
        Err(Refused::Beyond(why)) => (422, failed("execution", &why)),
    }
}

fn point(value: f64) -> Value {
    json!([jiff::Timestamp::now().as_second(), value.to_string()])
}

fn success(kind: &str, result: &Value) -> Value {
    json!({"status": "success", "data": {"resultType": kind, "result": result}})
}

fn failed(kind: &str, why: &str) -> Value {
    json!({"status": "error", "errorType": kind, "error": why})
}

#[cfg(test)]
mod tests {
    use super::super::meter::Line;
    use super::*;
    use http_body_util::BodyExt;
    use std::time::Duration;

    async fn ask(meter: &Meter, method: &str, address: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(address).body(()).unwrap();
        let response = respond(meter, &request);
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn values_names_and_refusals_have_prometheus_form() {
        let meter = Meter::new();
        let line = Line { namespace: "ns".into(), workload: "w".into(), service: "s".into(), code: 200 };
        meter.count(line, Duration::from_millis(3));
        meter.scrape();
        let (status, answer) = ask(&meter, "GET", "/api/v1/query?query=sum%28istio_requests_total%29").await;
        assert_eq!((status, &answer["data"]["resultType"]), (200, &json!("vector")));
        assert_eq!(answer["data"]["result"][0]["value"][1], "1");
        let (_, answer) = ask(&meter, "GET", "/api/v1/query?query=1%2B1").await;
        assert_eq!(
            (&answer["data"]["resultType"], &answer["data"]["result"][1]),
            (&json!("scalar"), &json!("2"))
        );
        for (address, name) in [
            ("/api/v1/label/__name__/values", "istio_request_duration_milliseconds_bucket"),
            ("/istio-1.4/api/v1/label/__name__/values", "istio_request_duration_seconds_bucket"),
        ] {
            let names = ask(&meter, "GET", address).await.1["data"].clone();
            assert!(names.as_array().unwrap().contains(&json!(name)), "{names}");
            assert_eq!(names.as_array().unwrap().len(), 4);
        }
        for (method, address, status, kind) in [
            ("GET", "/api/v1/query", 400, "bad_data"),
            ("GET", "/api/v1/query?query=sum%28", 400, "bad_data"),
            ("GET", "/api/v1/query?query=avg%28x%29", 422, "execution"),
            ("GET", "/api/v1/query?query=x&time=5", 422, "execution"),
            ("GET", "/api/v1/query_range?query=x", 404, "not_found"),
            ("POST", "/api/v1/query", 405, "bad_data"),
        ] {
            let (found, answer) = ask(&meter, method, address).await;
            assert_eq!((found, &answer["errorType"]), (status, &json!(kind)), "{method} {address}");
        }
    }
}
