//! Four pods of a shop, as Prometheus scrapes them: two as text, two as protobuf.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Name, schema of the native histogram (none: text), the scrape at which it begins anew, and the first with errors.
pub(super) const PODS: [(&str, Option<i32>, u64, u64); 4] =
    [("c1", None, 0, 1), ("s1", None, 10, 1), (LATE, Some(1), 0, 12), ("s2", Some(0), 0, 1)];
/// The pod whose errors appear late.
pub(super) const LATE: &str = "c2";

const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Serves on a port of loopback, whose address it tells.
pub(super) async fn serve() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let scrapes: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let scrapes = scrapes.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                let Ok(length) = stream.read(&mut request).await else { return };
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path =
                    request.split([' ', '?']).nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                let Some((pod, schema, anew, errors_from)) = PODS.into_iter().find(|(pod, ..)| *pod == path)
                else {
                    return;
                };
                let count = {
                    let mut scrapes = scrapes.lock();
                    let count = scrapes.entry(pod.to_owned()).or_default();
                    *count += 1;
                    *count
                };
                let shown = if 0 < anew && anew <= count { count - anew + 1 } else { count };
                let errors = shown.saturating_sub(errors_from - 1);
                let (kind, body) = match schema {
                    Some(schema) if request.contains("application/vnd.google.protobuf") => {
                        (PROTOBUF, protobuf(shown, errors, schema))
                    }
                    Some(_) => ("text/plain", b"this Prometheus does not ask for protobuf\n".to_vec()),
                    None => ("text/plain; version=0.0.4", text(shown, errors).into_bytes()),
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // Prometheus may have given up.
                drop(stream.write_all(&[head.as_bytes(), &body].concat()).await);
            });
        }
    });
    Ok(address)
}

/// Counts by code: the errors, if there are any yet, are among the requests.
fn codes(shown: u64, errors: u64) -> Vec<(&'static str, u64)> {
    let all = [("200", 7 * shown - errors), ("500", errors)];
    all.into_iter().filter(|(_, count)| 0 < *count).collect()
}

/// Durations of each scrape: three of 0.1, two of 0.7, one of 3 seconds. Ends of the classic buckets with what is below.
const BUCKETS: [(f64, u64); 4] = [(0.25, 3), (0.5, 3), (1.0, 5), (f64::INFINITY, 6)];

fn text(shown: u64, errors: u64) -> String {
    let mut text = "# TYPE shop_requests_total counter\n".to_owned();
    for (code, count) in codes(shown, errors) {
        let _ = writeln!(text, "shop_requests_total{{code=\"{code}\"}} {count}");
    }
    text += "# TYPE shop_classic_seconds histogram\n";
    for (end, count) in BUCKETS {
        let end = if end.is_finite() { end.to_string() } else { "+Inf".to_owned() };
        let _ = writeln!(text, "shop_classic_seconds_bucket{{le=\"{end}\"}} {}", count * shown);
    }
    let _ =
        writeln!(text, "shop_classic_seconds_count {}\nshop_classic_seconds_sum {}", 6 * shown, 5 * shown);
    text + "# TYPE shop_level gauge\nshop_level 2.5\n"
}

/// The families, each with its length before it.
fn protobuf(shown: u64, errors: u64, schema: i32) -> Vec<u8> {
    let counter = |(code, count): (&str, u64)| {
        let label = [bytes(1, b"code"), bytes(2, code.as_bytes())].concat();
        [bytes(1, &label), bytes(3, &double(1, count as f64))].concat()
    };
    let requests: Vec<Vec<u8>> = codes(shown, errors).into_iter().map(counter).collect();
    let bucket = |(end, count): (f64, u64)| bytes(3, &[varint(1, count * shown), double(2, end)].concat());
    let sums = [varint(1, 6 * shown), double(2, 5.0 * shown as f64)].concat();
    let classic = [sums.clone(), BUCKETS.into_iter().flat_map(bucket).collect()].concat();
    let families = [
        family("shop_requests_total", 0, &requests),
        family("shop_classic_seconds", 4, &[bytes(7, &classic)]),
        family("shop_native_seconds", 4, &[bytes(7, &[sums, native(shown, schema)].concat())]),
        family("shop_level", 1, &[bytes(2, &double(1, 2.5))]),
    ];
    families.iter().flat_map(|family| [number(family.len() as u64), family.clone()].concat()).collect()
}

/// The buckets of a native histogram: one span for each that is not empty, and counts as differences.
fn native(shown: u64, schema: i32) -> Vec<u8> {
    let place = |duration: f64| (duration.log2() * f64::from(1 << schema)).ceil() as i64;
    let shown = shown as i64;
    let (mut next, mut last) = (0, 0);
    let mut spans = Vec::new();
    let mut deltas = Vec::new();
    for (duration, count) in [(0.1, 3 * shown), (0.7, 2 * shown), (3.0, shown)] {
        let at = place(duration);
        spans.extend(bytes(12, &[varint(1, zigzag(at - next)), varint(2, 1)].concat()));
        deltas.extend(number(zigzag(count - last)));
        (next, last) = (at + 1, count);
    }
    let head = [varint(5, zigzag(schema.into())), double(6, 0.001), varint(7, 0)].concat();
    [head, spans, bytes(13, &deltas)].concat()
}

fn family(name: &str, kind: u64, metrics: &[Vec<u8>]) -> Vec<u8> {
    let metrics = metrics.iter().flat_map(|metric| bytes(4, metric)).collect();
    [bytes(1, name.as_bytes()), varint(3, kind), metrics].concat()
}

// The wire format: a field is its number and type, then its value.

fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while 0x7f < value {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn varint(field: u64, value: u64) -> Vec<u8> {
    [number(field << 3), number(value)].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [number(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [number(field << 3 | 2), number(value.len() as u64), value.to_vec()].concat()
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}
