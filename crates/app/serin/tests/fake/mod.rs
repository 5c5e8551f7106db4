//! A Prometheus that answers as a test wants it to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;
use url::Url;

/// Answers each request by `answer`, which gets its URL; the address.
pub(crate) fn serve(answer: impl Fn(&Url) -> (u16, Value) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // It ends with the test's process. A command that has read enough hangs up, which is no failure here.
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(reply(stream, &answer))));
    address
}

/// What a request has under a name.
pub(crate) fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(other, _)| other == name).unwrap().1.into_owned()
}

fn reply(stream: TcpStream, answer: impl Fn(&Url) -> (u16, Value)) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut line) = (String::new(), String::new());
    stream.read_line(&mut first)?;
    while 2 < stream.read_line(&mut line)? {
        line.clear();
    }
    let Some(target) = first.split(' ').nth(1) else { return Ok(()) };
    let url = Url::parse("http://prometheus").unwrap().join(target).unwrap();
    let (status, body) = answer(&url);
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.get_mut().write_all((head + &body).as_bytes())
}
