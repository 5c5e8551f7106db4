//! A server on loopback that does as it is told, byte for byte.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

/// What a server does with a request.
pub(crate) enum Does {
    /// Answers these bytes, and waits for the next request.
    Say(String),
    /// Answers these bytes and closes.
    SayAndClose(String),
    /// Answers these bytes and nothing more.
    SayAndHang(String),
    /// Nothing.
    Hang,
    /// Closes.
    Close,
    /// Says yes to a tunnel and is one, to this address.
    Become(String),
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Its first line.
    pub(crate) line: String,
    /// Its headers.
    pub(crate) headers: Vec<String>,
    /// Its body.
    pub(crate) body: String,
    /// Requests before it.
    pub(crate) count: usize,
    /// The connection it came over.
    pub(crate) connection: usize,
}

impl Heard {
    /// The path.
    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: String,
    heard: watch::Receiver<Vec<Heard>>,
}

impl Server {
    /// What it heard so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.borrow().clone()
    }

    /// Waits until it has heard what is wanted.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Vec<Heard>) -> bool) {
        let mut heard = self.heard.clone();
        let waiting = heard.wait_for(wanted);
        drop(timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap());
    }
}

type Told = dyn Fn(&Heard) -> Does + Send + Sync;

/// A plain answer.
pub(crate) fn answer(status: u16, body: &str) -> Does {
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    Does::Say(format!("HTTP/1.1 {status} X\r\n{length}\r\n{body}"))
}

/// A port that nobody serves: the listener is gone when this returns.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that does with each request what `told` says.
pub(crate) async fn serve(told: impl Fn(&Heard) -> Does + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (log, heard) = watch::channel(Vec::new());
    let (log, told): (_, Arc<Told>) = (Arc::new(log), Arc::new(told));
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(talk(stream, connection, log.clone(), told.clone()));
        }
    });
    Server { address, heard }
}

/// The same over TLS, with a certificate that nobody signed.
pub(crate) async fn tls(told: impl Fn(&Heard) -> Does + Send + Sync + 'static) -> String {
    tls_with_certificate(told).await.0
}

/// The same, and its certificate.
pub(crate) async fn tls_with_certificate(
    told: impl Fn(&Heard) -> Does + Send + Sync + 'static,
) -> (String, String) {
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
    let (log, told): (_, Arc<Told>) = (Arc::new(watch::channel(Vec::new()).0), Arc::new(told));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust goes away.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            tokio::spawn(talk(stream, 0, log.clone(), told.clone()));
        }
    });
    (format!("localhost:{port}"), made.cert.pem())
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    log: Arc<watch::Sender<Vec<Heard>>>,
    told: Arc<Told>,
) {
    while let Some(mut heard) = hear(&mut stream, connection).await {
        log.send_modify(|log| {
            heard.count = log.len();
            log.push(heard.clone());
        });
        let (text, ends, hangs) = match told(&heard) {
            Does::Say(text) => (text, false, false),
            Does::SayAndClose(text) => (text, true, false),
            Does::SayAndHang(text) => (text, false, true),
            Does::Hang => (String::new(), false, true),
            Does::Close => return,
            Does::Become(to) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                let mut to = TcpStream::connect(to).await.unwrap();
                drop(copy_bidirectional(&mut stream, &mut to).await);
                return;
            }
        };
        // A client that has read enough goes away.
        if stream.write_all(text.as_bytes()).await.is_err() || ends {
            return;
        }
        if hangs {
            std::future::pending::<()>().await;
        }
    }
}

async fn hear(stream: &mut (impl AsyncRead + Unpin), connection: usize) -> Option<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
    let line = lines.next()?;
    let headers: Vec<String> = lines.collect();
    let length = headers.iter().find_map(|header| header.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Heard { line, headers, body: String::from_utf8(body).unwrap(), count: 0, connection })
}
