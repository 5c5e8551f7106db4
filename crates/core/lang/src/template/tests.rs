use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What `testdata/template.go` renders with.
const DATA: &str = r#"{"x":1,"f":99.5,"big":12345678,"huge":1e21,"tiny":0.00001,"small":0.0001,"w":3,"neg":-0.5,"name":"web","nil":null,"ok":true,
"xs":["a","b"],"ns":[1,2.5,1e7],"m":{"k":"v","a.b/c":"lbl","n":{"z":1}},"empty":[],"s":"a\"b<c>&'é",
"rollout":{"metadata":{"name":"r","labels":{"app.kubernetes.io/name":"r1"}},"status":{"conditions":[{"type":"Healthy"},{"type":"Paused"}]}}}"#;

fn functions() -> BTreeMap<String, Named> {
    let texts = [
        ("name", "podinfo"),
        ("namespace", "prod"),
        ("target", "podinfo"),
        ("service", "web"),
        ("ingress", "edge"),
        ("route", "r"),
        ("interval", "1m"),
    ];
    let mut all: BTreeMap<String, Named> =
        texts.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    let variables = [("x", "y"), ("a b", "c")].map(|(key, text)| (key.to_owned(), text.to_owned()));
    all.insert("variables".to_owned(), Named::Texts(variables.into()));
    all
}

fn rendered(text: &str, data: &Value) -> Result<String, TemplateError> {
    render(text, &functions(), data, &Limits::default())
}

#[test]
fn a_template_gives_what_go_gives() {
    let data: Value = serde_json::from_str(DATA).unwrap();
    let mut wrong = Vec::new();
    for line in include_str!("../../testdata/template.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = row["template"].as_str().unwrap();
        let have = rendered(text, &data);
        let is_same = match (&have, row["output"].as_str()) {
            (Ok(have), Some(wanted)) => have == wanted,
            (Err(_), None) => true,
            _ => false,
        };
        // The engine refuses what Go forgives.
        if !is_same && text != "{{ .x | }}" {
            wrong.push(format!("{text}: {have:?}, Go {} {}", row["output"], row["error"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_error_must_say_what_is_wrong_and_where() {
    for (text, wanted) in [
        ("{{ variables.nope }}", "nope"),
        ("{{ targte }}", "calls targte, which is no function; there are ingress, interval, name"),
        ("a\n{{ if .x }}", "line 2: {{if}} without {{end}}"),
        ("{{ end }}", "{{end}} without a block"),
        ("{{ else }}", "{{else}} without its {{if}}"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ("{{ .x ", "{{ without }}"),
    ] {
        let error = rendered(text, &json!({"x": 1})).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_hostile_template_must_end_with_an_error_soon() {
    let doubling = |how: &str| {
        format!("{{{{ $x := \"ab\" }}}}{{{{ range 60 }}}}{{{{ $x = {how} }}}}{{{{ end }}}}{{{{ $x }}}}")
    };
    // Each calls the next twice.
    let mut twice = String::new();
    for at in 0..60 {
        let call = format!("{{{{template \"t{}\"}}}}", at + 1);
        let define = format!("{{{{define \"t{at}\"}}}}");
        twice.extend([&*define, &call, &call, "{{end}}"]);
    }
    let texts = [
        "x".repeat(100 << 10),
        "{{ range 1000000000 }}{{ end }}".to_owned(),
        "{{ range 10000 }}{{ range 10000 }}{{ end }}{{ end }}".to_owned(),
        "{{ range 9999 }}{{ $.long }}{{ end }}".to_owned(),
        "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}".to_owned(),
        format!("{twice}{{{{define \"t60\"}}}}{{{{end}}}}{{{{template \"t0\"}}}}"),
        doubling("printf \"%s%s\" $x $x"),
        doubling("print $x $x"),
        doubling("println $x $x"),
        doubling("html (print $x \"&\" $x)"),
        doubling("js (print $x \"<\" $x)"),
        doubling("urlquery (print $x \"é\" $x)"),
        "{{ printf \"%999999999d\" 1 }}".to_owned(),
        format!("{{{{ printf \"{}\" {} }}}}", "%65535d".repeat(500), "1 ".repeat(500)),
        format!("{{{{ printf \"{}\" $.long }}}}", "%[1]s".repeat(5000)),
        format!("{{{{ range 9999 }}}}{}{{{{ end }}}}", "{{ if eq $.long $.long }}{{ end }}".repeat(500)),
        format!("{{{{ range 9999 }}}}{}{{{{ end }}}}", "{{ if $.long }}{{ end }}".repeat(1000)),
        "{{ if 1 }}".repeat(5000) + &"{{ end }}".repeat(5000),
        format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
        "{{".repeat(20_000),
        "{{ \"".to_owned(),
        "{{/*".to_owned(),
    ];
    let data = json!({"long": "a".repeat(1 << 16)});
    for text in texts {
        let answer = rendered(&text, &data);
        let name = text.chars().take(60).collect::<String>();
        assert!(answer.is_err(), "{name}: {} bytes", answer.unwrap_or_default().len());
        assert!(answer.unwrap_err().to_string().len() < 500, "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_hang(parts in prop::collection::vec(prop_oneof![
        Just("{{"), Just("}}"), Just("{{ end }}"), Just("{{ if .x }}"), Just("{{ else }}"), Just("range "), Just("\""), Just("`"),
        Just("("), Just(")"), Just("|"), Just("$x := "), Just("-"), Just("printf "), Just("variables.x"), Just(" 1"), Just("/*"), Just("é"),
    ], 0..24)) {
        let _ = rendered(&parts.concat(), &json!({"x": [1, "é"]}));
    }
}
