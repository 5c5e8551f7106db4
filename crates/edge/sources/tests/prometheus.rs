//! Questions to a small HTTP server that answers as it is told.

#![allow(clippy::unwrap_used, clippy::panic)] // also in what the tests share

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use serin_sources::{Access, Limits, Prometheus, SourceError, Wanted};
use tokio::net::TcpListener;

/// What the server answers, one after the other (the last again and again); status 0 is silence.
type Answers = &'static [(u16, &'static str)];

/// A server, and the requests that it got: path, query and authorization.
async fn serve(answers: Answers) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let log = log.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let log = log.clone();
                async move {
                    let token =
                        request.headers().get("authorization").map_or("", |value| value.to_str().unwrap());
                    let count = {
                        let mut log = log.lock();
                        log.push(format!("{} {token}", request.uri()));
                        log.len()
                    };
                    let (status, body) = answers[(count - 1).min(answers.len() - 1)];
                    if status == 0 {
                        std::future::pending::<()>().await;
                    }
                    let answer = Response::builder().status(status).header("location", "http://elsewhere/");
                    Ok::<_, Infallible>(answer.body(Full::new(Bytes::from(body))).unwrap())
                }
            });
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    (address, heard)
}

/// Waits that a test can afford; one try may take long on a busy machine.
fn limits() -> Limits {
    Limits { tries: 3, wait: Duration::from_millis(1), bytes_max: 100, ..Limits::default() }
}

fn with_token(token: Option<&str>) -> Access {
    Access { token: token.map(str::to_owned), ..Access::default() }
}

async fn ask(url: &str, token: Option<&str>, limits: Limits) -> Result<String, SourceError> {
    let wanted = Wanted {
        query: "sum(rate(a{b=\"c d\"}[1m])) + 1",
        start: "2026-01-01T00:00:00Z".parse().unwrap(),
        end: "2026-01-01T01:00:00Z".parse().unwrap(),
        step: 60,
    };
    let answer = Prometheus::new(url, &with_token(token), limits)?.query_range(&wanted).await?;
    Ok(String::from_utf8(answer.to_vec()).unwrap())
}

#[tokio::test]
async fn a_question_carries_query_times_step_and_credentials() {
    let (address, heard) = serve(&[(200, "{}")]).await;
    for (url, token) in [
        (format!("http://{address}"), None),
        (format!("http://{address}/prom/"), Some("secret\n")),
        (format!("http://us%40er:p+w@{address}"), None),
    ] {
        assert_eq!(ask(&url, token, limits()).await.unwrap(), "{}");
    }
    let question = "api/v1/query_range?query=sum%28rate%28a%7Bb%3D%22c+d%22%7D%5B1m%5D%29%29+%2B+1\
                    &start=2026-01-01T00%3A00%3A00Z&end=2026-01-01T01%3A00%3A00Z&step=60";
    assert_eq!(
        *heard.lock(),
        [
            format!("/{question} "),
            format!("/prom/{question} Bearer secret"),
            format!("/{question} Basic dXNAZXI6cCt3"),
        ]
    );
}

#[tokio::test]
async fn only_what_may_pass_is_asked_again() {
    type Case = (Vec<(u16, &'static str)>, usize, &'static str);
    let large = "x".repeat(101).leak();
    let cases: [Case; 9] = [
        (vec![(503, "busy"), (429, "slower"), (200, "ok")], 3, "ok"),
        (vec![(408, ""), (200, "ok")], 2, "ok"),
        (vec![(500, "broken")], 3, "no answer after 3 tries: HOST answers 500 Internal Server Error: broken"),
        (
            vec![(400, "{\"error\":\"parse error\"}")],
            1,
            "HOST answers 400 Bad Request: {\"error\":\"parse error\"}",
        ),
        (vec![(401, "who are you?")], 1, "HOST answers 401 Unauthorized: who are you?"),
        (vec![(404, "")], 1, "HOST answers 404 Not Found: "),
        (vec![(302, "")], 1, "HOST answers 302 Found: it redirects to http://elsewhere/: give that address"),
        (
            vec![(200, large)],
            1,
            "the answer of HOST is larger than 100 bytes: ask for less time, a longer step or fewer labels",
        ),
        (
            vec![(503, "x".repeat(100_000).leak())],
            3,
            "no answer after 3 tries: HOST answers 503 Service Unavailable: a long text",
        ),
    ];
    for (answers, asked, wanted) in cases {
        let (address, heard) = serve(answers.leak()).await;
        let got =
            ask(&format!("http://{address}"), None, limits()).await.unwrap_or_else(|error| error.to_string());
        assert_eq!(got.replace(&address, "HOST"), wanted);
        assert_eq!(heard.lock().len(), asked, "{wanted}");
    }
}

#[tokio::test]
async fn silence_ends() {
    let (address, heard) = serve(&[(0, ""), (200, "ok")]).await;
    let short = Limits { try_timeout: Duration::from_millis(100), ..limits() };
    assert_eq!(ask(&format!("http://{address}"), None, short).await.unwrap(), "ok");
    assert_eq!(heard.lock().len(), 2);
    let (address, _) = serve(&[(0, "")]).await;
    let error = ask(&format!("http://{address}"), None, short).await.unwrap_err().to_string();
    assert_eq!(error.replace(&address, "HOST"), "no answer after 3 tries: HOST is silent for 100ms");
    // The whole ends too, however many tries are left.
    let whole = Limits { tries: u32::MAX, timeout: Duration::from_millis(150), ..short };
    assert!(matches!(
        ask(&format!("http://{address}"), None, whole).await,
        Err(SourceError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn nobody_there_is_told_with_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(&format!("http://{address}"), None, limits()).await.unwrap_err().to_string();
    assert!(error.starts_with("no answer after 3 tries: ") && error.contains("refused"), "{error}");
}

#[test]
fn an_address_that_is_none_is_refused_without_its_password() {
    for (address, wanted) in [
        (
            "prometheus:9090",
            "\"prometheus\" is no address of Prometheus: it must begin with http:// or https://",
        ),
        ("http://", "\"…\" is no address of Prometheus: empty host"),
        ("http://u:secret@h:99999/", "\"…\" is no address of Prometheus: invalid port number"),
        (
            "http://u:secret@h/?a=b",
            "\"http://h/?a=b\" is no address of Prometheus: it must end with the path",
        ),
        ("ftp://u:secret@h/", "\"ftp\" is no address of Prometheus: it must begin with http:// or https://"),
    ] {
        let error = Prometheus::new(address, &Access::default(), Limits::default()).unwrap_err().to_string();
        assert_eq!(error, wanted);
    }
    assert!(Prometheus::new("http://h", &with_token(Some("a\nb")), Limits::default()).is_err());
}

const AT: &str = "2026-01-01T00:00:00.5Z";

/// Asks for raw samples.
async fn raw(url: &str, access: &Access, limits: Limits) -> Result<String, String> {
    let source = Prometheus::new(url, access, limits).map_err(|error| error.to_string())?;
    let answer =
        source.query("a{b=\"c\"}[1m15s]", AT.parse().unwrap()).await.map_err(|error| error.to_string())?;
    assert!(answer.date.is_some_and(|date| date.as_second() > 1_700_000_000), "{answer:?}");
    Ok(String::from_utf8(answer.body.to_vec()).unwrap())
}

#[tokio::test]
async fn raw_samples_are_asked_for_at_a_moment_and_the_clock_of_the_source_is_told() {
    let (address, heard) = serve(&[(200, "{}")]).await;
    let basic = Access { basic: Some(("u".to_owned(), "p".to_owned())), ..Access::default() };
    for (url, access) in [
        (format!("http://{address}/"), Access::default()),
        (format!("http://other:words@{address}/p"), basic.clone()),
        (format!("http://{address}"), Access { token: Some("t".to_owned()), ..basic.clone() }),
    ] {
        assert_eq!(raw(&url, &access, limits()).await.unwrap(), "{}");
        assert!(!format!("{access:?}").contains("u:p"));
    }
    let question =
        "/api/v1/query?query=a%7Bb%3D%22c%22%7D%5B1m15s%5D&time=2026-01-01T00%3A00%3A00.5Z&timeout=30s";
    assert_eq!(
        *heard.lock(),
        [format!("{question} "), format!("/p{question} Basic dTpw"), format!("{question} Bearer t")]
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_asked_for_again_and_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = tokio::spawn(async move {
        for count in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            let part: &[u8] =
                if count == 0 { b"HTTP/1.1 2" } else { b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{" };
            tokio::io::AsyncWriteExt::write_all(&mut stream, part).await.unwrap();
        }
    });
    let error = raw(&format!("http://{address}"), &Access::default(), limits()).await.unwrap_err();
    assert!(error.starts_with("no answer after 3 tries: "), "{error}");
    served.abort();
}

#[tokio::test]
async fn a_slow_answer_ends_with_its_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{";
                tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.unwrap();
                // The rest never comes, and the connection stays.
                std::future::pending::<()>().await;
            });
        }
    });
    let short = Limits { tries: 2, try_timeout: Duration::from_millis(100), ..limits() };
    let error = raw(&format!("http://{address}"), &Access::default(), short).await.unwrap_err();
    assert_eq!(error.replace(&address, "HOST"), "no answer after 2 tries: HOST is silent for 100ms");
    served.abort();
}

#[tokio::test]
async fn only_the_given_authority_is_trusted() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust goes away.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let service = service_fn(async |_: Request<Incoming>| {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("{}"))))
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        }
    });
    let url = format!("https://localhost:{port}");
    let with = |pem: &[u8]| Access { ca: Some(pem.to_vec()), ..Access::default() };
    assert_eq!(raw(&url, &with(made.cert.pem().as_bytes()), limits()).await.unwrap(), "{}");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let error = raw(&url, &with(other.cert.pem().as_bytes()), limits()).await.unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    for (pem, wanted) in
        [(&b"nothing"[..], "there is no certificate in it"), (b"", "there is no certificate")]
    {
        let error = raw(&url, &with(pem), limits()).await.unwrap_err();
        assert!(error.contains(wanted), "{error}");
    }
    served.abort();
}
