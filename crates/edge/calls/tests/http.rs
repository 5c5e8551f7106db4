//! Calls to servers on loopback that behave well and badly.

#![allow(clippy::unwrap_used, clippy::panic)] // also in what the tests share

mod server;

use std::{sync::Arc, time::Duration};

use serin_calls::{Caller, Http, Limits};
use serin_kernel::{Call, Method, Reply};
use server::{Does, answer, nobody, serve, tls, tls_with_certificate};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// Waits that a test can afford.
fn http() -> Http {
    let wait = Duration::from_millis(1);
    Http::new(Limits { wait_min: wait, wait_max: wait * 4, ..Limits::default() })
}

fn get(url: impl Into<String>) -> Call {
    Call::new(Method::Get, url)
}

fn replied(status: u16, body: &str, attempts: u32) -> Reply {
    Reply { attempts, ..Reply::new(status, body) }
}

#[tokio::test]
async fn a_call_arrives_as_it_was_meant_over_one_connection() {
    let server = serve(|_| answer(200, "yes")).await;
    let http = http();
    let body = serde_json::json!({"name": "podinfo"});
    let call = Call::json(format!("http://us%40er:p@{}/hook?a=b#c", server.address), &body);
    assert_eq!(http.call(call.clone()).await.unwrap(), replied(200, "yes", 1));
    assert_eq!(http.call(Call { method: Method::Delete, ..call }).await.unwrap(), replied(200, "yes", 1));
    let heard = server.heard();
    assert_eq!(heard[0].line, "POST /hook?a=b HTTP/1.1");
    assert_eq!(heard[0].body, r#"{"name":"podinfo"}"#);
    for header in [
        "content-type: application/json".to_owned(),
        "authorization: Basic dXNAZXI6cA==".to_owned(),
        concat!("user-agent: serin/", env!("CARGO_PKG_VERSION")).to_owned(),
        format!("host: {}", server.address),
    ] {
        assert!(heard[0].headers.contains(&header), "{header} in {:?}", heard[0].headers);
    }
    assert_eq!((heard[1].line.as_str(), heard[1].connection), ("DELETE /hook?a=b HTTP/1.1", 0));
}

#[tokio::test]
async fn every_status_is_a_reply_and_some_are_tried_again() {
    for (status, attempts) in [(200, 1), (204, 1), (403, 1), (501, 1), (500, 3), (503, 3), (429, 3)] {
        let server = serve(move |_| answer(status, if status == 204 { "" } else { "said" })).await;
        let call = Call { retries: 2, ..get(format!("http://{}", server.address)) };
        let body = if status == 204 { "" } else { "said" };
        assert_eq!(http().call(call).await.unwrap(), replied(status, body, attempts), "{status}");
        assert_eq!(server.heard().len(), attempts as usize, "{status}");
    }
}

#[tokio::test]
async fn what_passes_is_over_with_the_next_attempt_and_a_server_says_when_that_is() {
    let server = serve(|heard| match heard.count {
        // An hour: heard, and cut to the longest wait.
        0 => Does::Say("HTTP/1.1 429 T\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n".into()),
        1 => Does::Close,
        2 => Does::SayAndClose("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{".into()),
        _ => answer(200, "at last"),
    })
    .await;
    let call = Call { retries: 9, ..get(format!("http://{}", server.address)) };
    assert_eq!(http().call(call).await.unwrap(), replied(200, "at last", 4));
}

/// Why there is no reply, with `HOST` for the server.
async fn why(http: &Http, call: Call, address: &str) -> String {
    let error = http.call(call).await.unwrap_err();
    error.replace(address, "HOST")
}

#[tokio::test]
async fn why_there_is_no_reply_is_told_as_go_tells_it_without_any_secret() {
    let closed = nobody().await;
    let hanging = serve(|_| Does::Hang).await.address;
    let closing = serve(|_| Does::Close).await.address;
    let stuck = serve(|_| Does::SayAndHang("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".into())).await;
    let late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    for (address, expected) in [
        (closed, "dial tcp HOST: connect: connection refused"),
        (hanging, late),
        (closing, "EOF"),
        (stuck.address, late),
    ] {
        let call = Call {
            timeout: Duration::from_millis(200),
            retries: 1,
            headers: vec![("Authorization".to_owned(), "Bearer secret".to_owned())],
            ..Call::new(Method::Post, format!("http://u:secret@{address}/secret?secret"))
        };
        let expected = format!("giving up after 2 attempt(s): Post \"http://HOST\": {expected}");
        assert_eq!(why(&http(), call, &address).await, expected);
    }
}

#[tokio::test]
async fn what_will_not_pass_is_told_at_once() {
    for (call, expected) in [
        (get("ftp://h/"), "Get \"ftp://h\": unsupported protocol scheme \"ftp\""),
        (get("secret"), "Get \"…\": the address cannot be read: relative URL without a base"),
        (
            Call { headers: vec![("A".to_owned(), "secret\n".to_owned())], ..get("http://h") },
            "Get \"http://h\": header \"A\": its value is not one line",
        ),
        (
            Call { proxy: Some("https://u:secret@p".to_owned()), ..get("http://127.0.0.1:1") },
            "Get \"http://127.0.0.1:1\": proxy: it must begin with http://: give it as http://HOST:PORT",
        ),
    ] {
        let call = Call { retries: 3, ..call };
        let expected = format!("giving up after 1 attempt(s): {expected}");
        assert_eq!(http().call(call).await, Err(expected));
    }
}

#[tokio::test]
async fn a_call_ends_in_time_however_many_attempts_are_left() {
    let server = serve(|_| answer(500, "")).await;
    let wait = Duration::from_millis(1);
    let http = Http::new(Limits { whole: wait * 100, wait_min: wait, wait_max: wait, ..Limits::default() });
    let call = Call { retries: u32::MAX, ..get(format!("http://{}", server.address)) };
    // The time ends between two attempts, and the last answer stands, or in the middle of one.
    match http.call(call).await {
        Ok(reply) => assert_eq!(reply.status, 500),
        Err(why) => assert!(why.contains("context deadline exceeded"), "{why}"),
    }
    let asked = server.heard().len();
    assert!((1..200).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_long_answer_is_cut() {
    let server = serve(|_| answer(200, &"x".repeat(10 << 20))).await;
    let reply = http().call(get(format!("http://{}", server.address))).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, 1 << 20));
}

#[tokio::test]
async fn redirects_are_followed_ten_times() {
    let server = serve(|heard| match heard.path() {
        "/once" => Does::Say("HTTP/1.1 302 F\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n".into()),
        "/there" => answer(200, "here"),
        "/nowhere" => answer(302, "no more"),
        _ => Does::Say("HTTP/1.1 307 T\r\nlocation: /loop\r\ncontent-length: 0\r\n\r\n".into()),
    })
    .await;
    let at = |path| get(format!("http://{}/{path}", server.address));
    assert_eq!(http().call(at("once")).await.unwrap(), replied(200, "here", 1));
    assert_eq!(http().call(at("nowhere")).await.unwrap(), replied(302, "no more", 1));
    let expected = "giving up after 1 attempt(s): Get \"http://HOST\": stopped after 10 redirects";
    assert_eq!(why(&http(), Call { retries: 3, ..at("loop") }, &server.address).await, expected);
    assert_eq!(server.heard().iter().filter(|heard| heard.path() == "/loop").count(), 11);
}

#[tokio::test]
async fn a_certificate_of_nobody_is_taken_only_on_demand() {
    let address = tls(|_| answer(200, "safe")).await;
    let call = Call { retries: 3, ..get(format!("https://{address}")) };
    let expected = "giving up after 1 attempt(s): Get \"https://HOST\": tls: failed to verify certificate: \
                    x509: certificate signed by unknown authority";
    let http = http();
    assert_eq!(why(&http, call.clone(), &address).await, expected);
    assert_eq!(http.call(Call { insecure: true, ..call.clone() }).await.unwrap(), replied(200, "safe", 1));
    // The pool of those who take anything is not the pool of those who do not.
    assert_eq!(why(&http, call, &address).await, expected);
}

#[tokio::test]
async fn a_proxy_is_told_the_address_in_clear_and_tunnels_what_is_secret() {
    let behind = tls(|_| answer(200, "behind")).await;
    let target = behind.clone();
    let proxy = serve(move |heard| match heard.line.split(' ').next() {
        Some("CONNECT") => Does::Become(target.clone()),
        _ => answer(200, "by proxy"),
    })
    .await;
    let through =
        |call| Call { proxy: Some(format!("http://u:p@{}/", proxy.address)), insecure: true, ..call };
    let http = http();
    assert_eq!(
        http.call(through(get("http://nowhere.invalid/x"))).await.unwrap(),
        replied(200, "by proxy", 1)
    );
    assert_eq!(
        http.call(through(get(format!("https://{behind}/y")))).await.unwrap(),
        replied(200, "behind", 1)
    );
    let heard = proxy.heard();
    let lines: Vec<&str> = heard.iter().map(|heard| heard.line.as_str()).collect();
    assert_eq!(lines, ["GET http://nowhere.invalid/x HTTP/1.1", &format!("CONNECT {behind} HTTP/1.1")]);
    for heard in heard {
        assert!(
            heard.headers.iter().any(|header| header.eq_ignore_ascii_case("proxy-authorization: Basic dTpw"))
        );
    }
    let call = Call { proxy: Some(format!("http://{}", nobody().await)), ..get(format!("https://{behind}")) };
    let error = http.call(call).await.unwrap_err();
    assert!(error.contains("connection refused"), "{error}");
}

#[tokio::test]
async fn a_host_that_hangs_is_not_in_the_way_of_others() {
    let (hanging, good) = (serve(|_| Does::Hang).await, serve(|_| answer(200, "ok")).await);
    let http = Arc::new(Http::new(Limits { at_once: 3, at_once_to_host: 2, ..Limits::default() }));
    let stuck: Vec<_> = (0..20)
        .map(|_| {
            let (http, call) = (http.clone(), get(format!("http://{}", hanging.address)));
            tokio::spawn(async move { http.call(call).await })
        })
        .collect();
    hanging.until(|heard| heard.len() == 2).await;
    let call = Call { timeout: Duration::from_secs(5), ..get(format!("http://{}", good.address)) };
    assert_eq!(http.call(call).await.unwrap(), replied(200, "ok", 1));
    assert_eq!(hanging.heard().len(), 2);
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_server_that_closes_an_idle_connection_costs_no_attempt() {
    let server = serve(|_| Does::SayAndClose("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".into())).await;
    let http = http();
    for _ in 0..3 {
        assert_eq!(
            http.call(get(format!("http://{}", server.address))).await.unwrap(),
            replied(200, "ok", 1)
        );
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_http_is_told() {
    let (listener, address) = listen().await;
    let served = tokio::spawn(async move {
        let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail ready\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = why(&http(), get(format!("http://{address}")), &address).await;
    assert!(error.starts_with("giving up after 1 attempt(s): Get \"http://HOST\": "), "{error}");
    served.abort();
}

async fn listen() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[tokio::test]
async fn an_authority_is_trusted_for_its_own_servers_alone() {
    let (address, certificate) = tls_with_certificate(|_| answer(200, "known")).await;
    let other = tls_with_certificate(|_| answer(200, "other")).await;
    let http = http();
    let call = |address: &str, authority: &str| Call {
        authority: authority.to_owned(),
        ..get(format!("https://{address}/"))
    };
    assert_eq!(http.call(call(&address, &certificate)).await.unwrap(), replied(200, "known", 1));
    let both = format!("{}\n{certificate}", other.1);
    assert_eq!(http.call(call(&address, &both)).await.unwrap(), replied(200, "known", 1));
    for authority in ["", &other.1] {
        let why = http.call(call(&address, authority)).await.unwrap_err();
        assert!(why.contains("tls: failed to verify certificate"), "{why}");
    }
    let why = http.call(call(&address, "no certificate")).await.unwrap_err();
    assert!(why.contains("the authority has no certificate in PEM"), "{why}");
    let plain = serve(|heard| answer(200, &heard.line)).await;
    let put =
        Call { method: Method::Put, authority: certificate, ..get(format!("http://{}/t", plain.address)) };
    assert_eq!(http.call(put).await.unwrap().body, "PUT /t HTTP/1.1");
}
