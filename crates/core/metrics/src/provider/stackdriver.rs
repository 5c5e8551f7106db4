//! Google Cloud Monitoring, by queries in MQL. A token is fetched first: with the key of a service account, or from the
//! server that every machine of Google's has.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{rand, signature};
use serde_json::{Value, json};
use serin_kernel::{Answer, Call, Method, Question};

use super::http::{accepted, call, header, json as parsed, refusal, reply};
use super::{Inquiry, Step, list, number, only};
use crate::sample::excerpt;
use crate::{Error, Sample};

const OF_MACHINE: &str =
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
const SCOPE: &str = "https://www.googleapis.com/auth/monitoring.read";
/// How long a token is asked for: no longer than a measurement needs.
const TOKEN_SECONDS: i64 = 600;

pub(super) fn measure(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<Sample>, Error> {
    match asked(inquiry, answers, inquiry.query)? {
        Step::Ask(question) => Ok(Step::Ask(question)),
        Step::Share(question) => Ok(Step::Share(question)),
        Step::Done(()) => match reply(answers, 1)? {
            None => Err(Error::Unanswered("there is no answer".to_owned())),
            Some(reply) => read(accepted(reply)?).map(Step::Done),
        },
    }
}

/// An empty query is refused as an argument by one who would have answered another.
pub(super) fn online(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<()>, Error> {
    match asked(inquiry, answers, "")? {
        Step::Ask(question) => Ok(Step::Ask(question)),
        Step::Share(question) => Ok(Step::Share(question)),
        Step::Done(()) => match reply(answers, 1)? {
            Some(reply) if reply.status == 400 => Ok(Step::Done(())),
            Some(reply) => Err(refusal(reply)),
            None => Err(Error::Unanswered("there is no answer".to_owned())),
        },
    }
}

/// The questions, until both are answered.
fn asked(inquiry: &Inquiry<'_>, answers: &[Answer], query: &str) -> Result<Step<()>, Error> {
    let project = inquiry.secret_text("project")?.trim();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
    if project.is_empty() || !project.chars().all(is_word) {
        return Err(Error::field("Secret, project", "it is no project of Google Cloud: write its id"));
    }
    let Some(token) = reply(answers, 0)? else {
        return Ok(Step::Share(Question::Call(for_token(inquiry)?)));
    };
    let token = parsed(accepted(token)?)?;
    let Some(token) = token["access_token"].as_str() else {
        return Err(Error::Unreadable(
            "there is no access_token in the answer to the question for one".to_owned(),
        ));
    };
    if reply(answers, 1)?.is_some() {
        return Ok(Step::Done(()));
    }
    let url = format!("https://monitoring.googleapis.com/v3/projects/{project}/timeSeries:query");
    let mut call = call(Method::Post, url);
    header(&mut call, "Content-Type", "application/json");
    header(&mut call, "Authorization", format!("Bearer {token}"));
    call.body = json!({ "query": query }).to_string().into();
    Ok(Step::Ask(Question::Call(call)))
}

fn for_token(inquiry: &Inquiry<'_>) -> Result<Call, Error> {
    let Some(key) = inquiry.secret_text_if_any("serviceAccountKey") else {
        let mut call = call(Method::Get, OF_MACHINE);
        header(&mut call, "Metadata-Flavor", "Google");
        return Ok(call);
    };
    let wrong =
        |what: &str| Error::field("Secret, serviceAccountKey", format!("{what}: write the JSON of a key"));
    let key: Value = serde_json::from_str(key).map_err(|_| wrong("it is no JSON"))?;
    let text = |name: &str| key[name].as_str().ok_or_else(|| wrong(&format!("it has no {name}")));
    let server = key["token_uri"].as_str().unwrap_or("https://oauth2.googleapis.com/token");
    if !server.starts_with("https://") {
        return Err(wrong("its token_uri does not begin with https://"));
    }
    let now = inquiry.now.as_secs();
    let head = json!({"alg": "RS256", "kid": key["private_key_id"], "typ": "JWT"});
    let claims = json!({
        "aud": server, "exp": now + TOKEN_SECONDS, "iat": now, "iss": text("client_email")?, "scope": SCOPE,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&head), part(&claims));
    let signature =
        signature_of(&signed, text("private_key")?).ok_or_else(|| wrong("its private_key cannot sign"))?;
    let assertion = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let mut call = call(Method::Post, server);
    header(&mut call, "Content-Type", "application/x-www-form-urlencoded");
    call.body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &assertion)
        .finish()
        .into();
    Ok(call)
}

/// RSA with SHA-256 and the old padding, which draws no random number: equal texts have equal signatures.
fn signature_of(text: &str, pem: &str) -> Option<Vec<u8>> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let pair = signature::RsaKeyPair::from_pkcs8(&STANDARD.decode(lines).ok()?).ok()?;
    let mut signed = vec![0; pair.public().modulus_len()];
    pair.sign(&signature::RSA_PKCS1_SHA256, &rand::SystemRandom::new(), text.as_bytes(), &mut signed).ok()?;
    Some(signed)
}

/// The first point of the one series. Flagger takes a whole number for 0.
fn read(body: &str) -> Result<Sample, Error> {
    let answer = parsed(body)?;
    let name = |series: &Value| series["labelValues"].to_string();
    // Nothing found is an empty object.
    if answer.as_object().is_some_and(serde_json::Map::is_empty)
        || answer.get("timeSeriesData").is_none() && answer.get("timeSeriesDescriptor").is_some()
    {
        return Ok(Sample::none());
    }
    let Some(series) = only(list(&answer, "timeSeriesData")?, name)? else { return Ok(Sample::none()) };
    let Some(point) = list(series, "pointData")?.first() else { return Ok(Sample::none()) };
    let Some(value) = only(list(point, "values")?, ToString::to_string)? else { return Ok(Sample::none()) };
    // A whole number is a text in this JSON, as no float can hold all of them.
    for kind in ["doubleValue", "int64Value"] {
        if !value[kind].is_null() {
            return number(&value[kind], kind).map(Sample::of);
        }
    }
    Err(Error::Unreadable(format!("the point is {}, not a number", excerpt(&value.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that was made for this test and has never been anything else's.
    const KEY: &str = include_str!("../../testdata/key.pem");

    #[test]
    fn the_signature_of_a_token_can_be_verified() {
        use signature::KeyPair as _;
        let lines: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = signature::RsaKeyPair::from_pkcs8(&STANDARD.decode(lines).unwrap()).unwrap();
        let public = signature::UnparsedPublicKey::new(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            pair.public_key().as_ref(),
        );
        let signed = signature_of("a.b", KEY).unwrap();
        public.verify(b"a.b", &signed).unwrap();
        assert_eq!(signature_of("a.b", KEY), Some(signed));
        assert_eq!(signature_of("a.b", "-----BEGIN\nnot base64"), None);
    }

    #[test]
    fn a_whole_number_is_a_number() {
        let answer = |value: &str| {
            read(&format!(r#"{{"timeSeriesData":[{{"pointData":[{{"values":[{value}]}}]}}]}}"#))
        };
        assert_eq!(answer(r#"{"int64Value":"7"}"#), Ok(Sample::Value(7.0)));
        assert_eq!(answer(r#"{"doubleValue":0.5}"#), Ok(Sample::Value(0.5)));
        assert!(answer(r#"{"boolValue":true}"#).is_err());
        assert_eq!(read("{}"), Ok(Sample::none()));
    }
}
