//! Amazon `CloudWatch`. The query is the list of a `GetMetricData` in JSON; every request is signed.

use std::time::Duration;

use jiff::tz::TimeZone;
use ring::{digest, hmac};
use serde_json::{Value, json};
use serin_kernel::{Answer, Call, Method, Moment};

use super::http::{call, header, json as parsed, refusal, window};
use super::talk::{Stop, Talk, tell};
use super::{Amazon, Inquiry, Keys, Step, list, number, only};
use crate::sample::excerpt;
use crate::{Error, Sample};

/// The newest points that are wanted.
const POINTS_MAX: u32 = 20;
/// The machine is near, or it is not there.
const TIMEOUT_OF_MACHINE: Duration = Duration::from_secs(1);
/// As Flagger asks again.
const RETRIES: u32 = 3;

pub(super) fn measure(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<Sample>, Error> {
    let (from, to) = window(inquiry)?;
    let queries: Value = serde_json::from_str(inquiry.query).map_err(|error| {
        let remedy = format!("{error}: write the MetricDataQueries of a GetMetricData as a list in JSON");
        Error::field("spec.query", excerpt(&remedy))
    })?;
    if !queries.is_array() {
        return Err(Error::field(
            "spec.query",
            "it is no list: write the MetricDataQueries of a GetMetricData",
        ));
    }
    let body =
        json!({"EndTime": to, "MaxDatapoints": POINTS_MAX, "MetricDataQueries": queries, "StartTime": from});
    tell(answers, |talk| {
        let keys = keys(inquiry, talk)?;
        let call = signed(inquiry, &keys, body.to_string())?;
        Ok(read(talk.body(call)?)?)
    })
}

fn read(body: &str) -> Result<Sample, Error> {
    let answer = parsed(body)?;
    let results = list(&answer, "MetricDataResults")?;
    let name = |result: &Value| result["Label"].as_str().or(result["Id"].as_str()).unwrap_or("?").to_owned();
    let Some(result) = only(results, name)? else { return Ok(Sample::none()) };
    // A result that could not be had has no values either, which is not the same as none.
    if let Some(status @ ("InternalError" | "Forbidden")) = result["StatusCode"].as_str() {
        return Err(Error::Refused(excerpt(&format!("{status}: {}", result["Messages"]))));
    }
    match list(result, "Values")?.first() {
        None => Ok(Sample::none()),
        Some(value) => number(value, "MetricDataResults[0].Values[0]").map(Sample::of),
    }
}

/// An empty request is refused by one who would have answered another.
pub(super) fn online(inquiry: &Inquiry<'_>, answers: &[Answer]) -> Result<Step<()>, Error> {
    tell(answers, |talk| {
        let keys = keys(inquiry, talk)?;
        let reply = talk.call(signed(inquiry, &keys, "{}".to_owned())?)?;
        let is_of_keys = ["Token", "Signature", "AccessDenied", "Unrecognized", "Auth"]
            .iter()
            .any(|word| reply.body.contains(word));
        if reply.status == 400 && !is_of_keys { Ok(()) } else { Err(refusal(reply).into()) }
    })
}

/// The keys, from wherever the surroundings have them.
fn keys(inquiry: &Inquiry<'_>, talk: &mut Talk<'_>) -> Result<Keys, Stop> {
    let region = region(inquiry)?;
    match &inquiry.place.amazon {
        None => {
            let remedy = "this controller has no credentials for Amazon: give its service account a role, or set \
                          AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
            Err(Error::field("spec.provider.type", remedy).into())
        }
        Some(Amazon::Keys(keys)) => Ok(keys.clone()),
        Some(Amazon::WebIdentity { role, token }) => {
            let token = talk.token(token)?;
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("Action", "AssumeRoleWithWebIdentity")
                .append_pair("RoleArn", role)
                .append_pair("RoleSessionName", "serin")
                .append_pair("Version", "2011-06-15")
                .append_pair("WebIdentityToken", &token)
                .finish();
            let mut call = call(Method::Post, format!("https://sts.{region}.{}/", domain(region)));
            header(&mut call, "Content-Type", "application/x-www-form-urlencoded");
            header(&mut call, "Accept", "application/json");
            call.body = query.into();
            Ok(given(talk.credentials(call)?)?)
        }
        Some(Amazon::Agent { url, token }) => {
            let mut call = call(Method::Get, url.clone());
            if let Some(token) = token {
                header(&mut call, "Authorization", talk.token(token)?);
            }
            Ok(given(talk.credentials(call)?)?)
        }
        Some(Amazon::Machine { url }) => of_machine(url, talk),
    }
}

/// The keys of the machine's role, in three calls: for a token, for the role's name, and for the keys.
fn of_machine(url: &str, talk: &mut Talk<'_>) -> Result<Keys, Stop> {
    let roles = "latest/meta-data/iam/security-credentials/";
    let at = |method, path: &str| {
        let mut call = call(method, format!("{}/{path}", url.trim_end_matches('/')));
        call.timeout = TIMEOUT_OF_MACHINE;
        call
    };
    let mut first = at(Method::Put, "latest/api/token");
    header(&mut first, "X-aws-ec2-metadata-token-ttl-seconds", "60");
    // What is no machine of Amazon's, or does not let pods ask, does not answer this one.
    let token = talk.credentials(first).map_err(|stop| match stop {
        Stop::Wrong(why) => {
            let remedy = format!(
                "this controller has no credentials for Amazon, and its machine gives none ({why}): give its service \
                 account a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            );
            Stop::Wrong(Error::field("spec.provider.type", remedy))
        }
        ask => ask,
    })?;
    let mut with_token = |path: &str| {
        let mut call = at(Method::Get, path);
        header(&mut call, "X-aws-ec2-metadata-token", token);
        talk.credentials(call)
    };
    let role = with_token(roles)?.lines().next().unwrap_or_default().trim();
    if role.is_empty() || role.contains(['/', '?', '#', '%', ' ']) {
        let remedy =
            "the machine has no role: give its instance profile one that may cloudwatch:GetMetricData";
        return Err(Error::field("spec.provider.type", remedy).into());
    }
    Ok(given(with_token(&format!("{roles}{role}"))?)?)
}

/// The keys in an answer: of the machine and of an agent as they are, of the token service wrapped.
fn given(body: &str) -> Result<Keys, Error> {
    let answer = parsed(body)?;
    let given = answer
        .pointer("/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials")
        .unwrap_or(&answer);
    let text = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| given[*name].as_str());
        found.map(str::to_owned).ok_or_else(|| Error::Unreadable(format!("credentials without {}", names[0])))
    };
    Ok(Keys {
        id: text(["AccessKeyId", "AccessKeyId"])?,
        secret: text(["SecretAccessKey", "SecretAccessKey"])?,
        session: text(["SessionToken", "Token"])?,
    })
}

fn region<'a>(inquiry: &Inquiry<'a>) -> Result<&'a str, Error> {
    let own = inquiry.provider.region.trim();
    let region = if own.is_empty() { inquiry.place.region.trim() } else { own };
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || !region.chars().all(is_word) {
        return Err(Error::field(
            "spec.provider.region",
            "cloudwatch needs a region: write one such as eu-central-1",
        ));
    }
    Ok(region)
}

fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn signed(inquiry: &Inquiry<'_>, keys: &Keys, body: String) -> Result<Call, Error> {
    let region = region(inquiry)?;
    let host = format!("monitoring.{region}.{}", domain(region));
    let mut call = call(Method::Post, format!("https://{host}/"));
    call.retries = RETRIES;
    header(&mut call, "Content-Type", "application/x-amz-json-1.0");
    header(&mut call, "X-Amz-Target", "GraniteServiceVersion20100801.GetMetricData");
    call.body = body.into();
    sign(&mut call, &host, &Scope { keys, region, service: "monitoring", now: inquiry.now });
    Ok(call)
}

/// What a signature is good for.
struct Scope<'a> {
    keys: &'a Keys,
    region: &'a str,
    service: &'a str,
    now: Moment,
}

/// Signature, version 4: of the method, the root, the headers and the body, for one day, region and service.
fn sign(call: &mut Call, host: &str, scope: &Scope<'_>) {
    let stamp = scope.now.timestamp().to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = stamp.get(..8).unwrap_or_default();
    header(call, "X-Amz-Date", stamp.as_str());
    if !scope.keys.session.is_empty() {
        header(call, "X-Amz-Security-Token", scope.keys.session.as_str());
    }
    let mut headers: Vec<(String, &str)> =
        call.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
    headers.push(("host".to_owned(), host));
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let method = if call.method == Method::Get { "GET" } else { "POST" };
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let request = format!("{method}\n/\n\n{}\n\n{names}\n{}", lines.join("\n"), hash(call.body.as_bytes()));
    let within = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{within}\n{}", hash(request.as_bytes()));
    let mut key = format!("AWS4{}", scope.keys.secret).into_bytes();
    for part in [day, scope.region, scope.service, "aws4_request"] {
        key = keyed(&key, part);
    }
    let signature = hex(&keyed(&key, &text));
    let id = &scope.keys.id;
    let value =
        format!("AWS4-HMAC-SHA256 Credential={id}/{within}, SignedHeaders={names}, Signature={signature}");
    header(call, "Authorization", value);
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

pub(super) fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example `get-vanilla` that Amazon publishes with its signature.
    #[test]
    fn a_request_is_signed_as_amazon_signs_it() {
        let keys = Keys {
            id: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session: String::new(),
        };
        let now: Moment = "2015-08-30T12:36:00Z".parse().unwrap();
        let mut call = Call::new(Method::Get, "https://example.amazonaws.com/");
        let scope = Scope { keys: &keys, region: "us-east-1", service: "service", now };
        sign(&mut call, "example.amazonaws.com", &scope);
        let (_, signature) = call.headers.last().unwrap();
        assert_eq!(
            signature,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }
}
