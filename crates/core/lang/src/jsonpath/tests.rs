use super::*;
use serde_json::json;
use std::process::{Command, Stdio};

fn sample() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "sample", "labels": {"app.kubernetes.io/name": "web", "b": "2"},
            "annotations": {"a": "<1&2>", "empty": ""}
        },
        "data": {"a": "x", "n": "5"},
        "list": [
            {"name": "one", "port": 80, "on": true, "deep": {"k": ["p", "q"]}},
            {"name": "two", "port": 443, "on": false, "ratio": 1.5},
            {"name": "three", "port": 8080, "big": 1_000_000_000_000.5, "none": null}
        ],
        "numbers": [1, 2, 3, 4, 5], "floats": [123_456.5, 1_234_567.5, 0.0001, 0.000_01]
    })
}

/// Template and what kubectl prints for the sample; `None` where kubectl refuses.
const CASES: &[(&str, Option<&str>)] = &[
    ("{.metadata.name}", Some("sample")),
    ("{$.metadata.name}", Some("sample")),
    ("{@.metadata.name}", Some("sample")),
    ("name: {.metadata.name}!", Some("name: sample!")),
    ("{.missing.field}", Some("")),
    (r"{.metadata.labels.app\.kubernetes\.io/name}", Some("web")),
    (r"{.metadata.labels['app\.kubernetes\.io/name']}", Some("web")),
    ("{.metadata.labels['app.kubernetes.io/name']}", Some("")),
    ("{.metadata['name','labels']}", Some(r#"sample {"app.kubernetes.io/name":"web","b":"2"}"#)),
    ("{.metadata.annotations}", Some(r#"{"a":"\u003c1\u00262\u003e","empty":""}"#)),
    ("{.metadata.annotations.a}", Some("<1&2>")),
    ("{.list[*].name}", Some("one two three")),
    ("{.list[0].name}", Some("one")),
    ("{.list[-1].name}", Some("three")),
    ("{.list[-2].name}", Some("two")),
    ("{.list[].name}", Some("one")),
    ("{.list[5].name}", None),
    ("{.numbers[1:3]}", Some("2 3")),
    ("{.numbers[:2]}", Some("1 2")),
    ("{.numbers[3:]}", Some("4 5")),
    ("{.numbers[-2:]}", Some("4 5")),
    ("{.numbers[:-1]}", Some("1 2 3 4")),
    ("{.numbers[0:5:2]}", Some("1 3 5")),
    ("{.numbers[::2]}", Some("1 3 5")),
    ("{.numbers[0:5:0]}", None),
    ("{.numbers[3:1]}", None),
    ("{.numbers[2:2]}", Some("")),
    ("{.numbers[0,2,-1]}", Some("1 3 5")),
    ("{.numbers}", Some("[1,2,3,4,5]")),
    ("{.list[?(@.port==443)].name}", Some("two")),
    ("{.list[?(@.port>=443)].name}", Some("two three")),
    ("{.list[?(@.port<443)].name}", Some("one")),
    ("{.list[?(@.port!=443)].name}", Some("one three")),
    (r#"{.list[?(@.name=="two")].port}"#, Some("443")),
    ("{.list[?(@.name=='two')].port}", Some("443")),
    (r#"{.list[?(@.name > "p")].port}"#, Some("443 8080")),
    ("{.list[?(@.on==true)].name}", Some("one")),
    ("{.list[?(@.ratio)].name}", Some("two")),
    ("{.list[?(@.ratio==1.5)].name}", Some("two")),
    ("{.list[?(@.ratio==1)].name}", None),
    ("{.list[?(@.name==1)].name}", None),
    ("{.list[?(@.deep.k[1]=='q')].name}", Some("one")),
    ("{.metadata[?(@.x==1)]}", None),
    ("{.metadata[0]}", None),
    ("{..port}", Some("80 443 8080")),
    ("{..k[1]}", Some("q")),
    ("{.list..name}", Some("one two three")),
    ("{range .list[*]}{.name}={.port}{\"\\n\"}{end}", Some("one=80\ntwo=443\nthree=8080\n")),
    ("{range .list[*]}[{range .deep.k[*]}{@},{end}]{end}.", Some("[p,q,][][].")),
    ("{range .numbers[*]}{@}{','}{end}", Some("1,2,3,4,5,")),
    ("{.list[1].ratio} {.list[2].big}", Some("1.5 1.0000000000005e+12")),
    (
        "{.floats}/{.floats[0]} {.floats[1]} {.floats[2]} {.floats[3]}",
        Some("[123456.5,1234567.5,0.0001,0.00001]/123456.5 1.2345675e+06 0.0001 1e-05"),
    ),
    ("{.list[2].none}", Some("null")),
    ("{.list[0].on}", Some("true")),
    ("{.data.*}", Some("x 5")),
    ("{1}{true}{'t'}", Some("1truet")),
    ("{end}", None),
    ("{.a", None),
    ("{.a[}", None),
    ("{.a[x]}", None),
    ("{.a[?(@.b==1}", None),
    ("{foo}", None),
    ("{....a}", None),
    ("{'abc}", None),
    ("plain", Some("plain")),
    ("", Some("")),
];

fn ours(template: &str) -> Option<String> {
    let path = JsonPath::parse(template).ok()?.allow_missing_keys(true);
    path.render(&sample()).ok()
}

#[test]
fn each_template_prints_what_the_table_says() {
    for (template, expected) in CASES {
        assert_eq!(ours(template).as_deref(), *expected, "{template}");
    }
}

#[test]
fn kubectl_prints_the_same_for_each_template() {
    if Command::new("kubectl").arg("version").arg("--client").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "kubectl is missing on CI");
        eprintln!("skipped: no kubectl on this machine");
        return;
    }
    let file = std::env::temp_dir().join(format!("serin-jsonpath-{}.json", std::process::id()));
    std::fs::write(&file, sample().to_string()).unwrap();
    let mut wrong = Vec::new();
    for (template, _) in CASES.iter().filter(|(template, _)| !template.is_empty()) {
        let output = Command::new("kubectl")
            .args(["patch", "--local", "-p", "{}", "-o", &format!("jsonpath={template}"), "-f"])
            .arg(&file)
            .output()
            .unwrap();
        let theirs = output.status.success().then(|| String::from_utf8(output.stdout).unwrap());
        if theirs != ours(template) {
            wrong.push(format!("{template}: kubectl {theirs:?}, ours {:?}", ours(template)));
        }
    }
    std::fs::remove_file(&file).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_path_needs_no_braces() {
    let data = sample();
    for (path, expected) in [
        (".metadata.name", json!("sample")),
        ("metadata.name", json!("sample")),
        ("{.metadata.name}", json!("sample")),
        ("$.metadata.name", json!("sample")),
        (".list[1].port", json!(443)),
        (".list[?(@.name==\"three\")].port", json!(8080)),
    ] {
        let parsed = JsonPath::parse_path(path).unwrap();
        assert_eq!(*parsed.find(&data).unwrap()[0], expected, "{path}");
    }
}

#[test]
fn a_missing_key_is_an_error_unless_allowed() {
    let path = JsonPath::parse_path(".metadata.nope").unwrap();
    assert_eq!(path.find(&sample()), Err(JsonPathError::NotFound("nope".into())));
    assert_eq!(path.allow_missing_keys(true).find(&sample()), Ok(vec![]));
}

#[test]
fn a_parse_error_names_its_position() {
    for (text, at) in
        [("ab{.c", 5), ("{.a[x]}", 4), ("{.a[1,x]}", 6), ("{.a[?(@.b~~1)]}x{foo}", 17), ("x{end}", 1)]
    {
        match JsonPath::parse(text) {
            Err(JsonPathError::Parse { at: found, .. }) => assert_eq!(found, at, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn long_deep_and_costly_expressions_are_refused_and_do_not_hang() {
    assert!(matches!(JsonPath::parse(&"{.a}".repeat(2000)), Err(JsonPathError::Limit(_))));
    let ranges = "{range .a}".repeat(20) + &"{end}".repeat(20);
    assert!(matches!(JsonPath::parse(&ranges), Err(JsonPathError::Limit(_))));
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let all = JsonPath::parse("{..}").unwrap();
    assert!(matches!(all.find(&deep), Err(JsonPathError::Limit(_))));
    let costly = JsonPath::parse(&format!("{{{}}}", ".a".to_owned() + &"[*,*]".repeat(30))).unwrap();
    let nest = (0..40).fold(json!([1]), |inner, _| json!([inner]));
    assert!(matches!(costly.find(&json!({"a": nest})), Err(JsonPathError::Limit(_))));
    for text in ["[".repeat(4000), "{[?(".repeat(900), "{.a[?(@[?(@[?(@.b)])])]}".into(), "{..".repeat(1000)]
    {
        let _ = JsonPath::parse(&text).map(|path| path.find(&sample()).is_ok());
    }
}

proptest::proptest! {
    #[test]
    fn any_text_parses_or_fails_without_panic(text in "[{}.\\[\\]?()@$*'\",:a-c0-2 =<>!\\\\-]{0,40}") {
        if let Ok(path) = JsonPath::parse(&text) {
            let _ = path.render(&sample());
        }
        let _ = JsonPath::parse_path(&text);
    }
}
