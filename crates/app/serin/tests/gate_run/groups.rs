//! Zones that are judged as one.

use serde_json::{Value, json};
use serin_gate::record::{Judged, read_any};

use super::{CONFIG, csv, folder, judged, said, serin, shop, with_queries};

const GROUPS: &str = "groups: {label: zone, members: [a, b, c]}\n";

/// The counts of a zone: its pods have its name.
fn of_zone(zone: &str, csv: &str) -> String {
    let rows = csv.lines().skip(1);
    rows.fold(String::new(), |text, row| {
        let row = row
            .replace(",stable-", &format!(",{zone}-stable-"))
            .replace(",canary-", &format!(",{zone}-canary-"));
        text + &row + "," + zone + "\n"
    })
}

/// A folder with three zones: all equal, all worse, one bad, and their past.
fn zones() -> tempfile::TempDir {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let (equal, worse) = (csv(0, 160, Some((2, 1, 100))), csv(0, 160, Some((1, 2, 100))));
    let bad = csv(0, 160, Some((1, 9, 100)));
    let all = |[a, b, c]: [&str; 3]| {
        "time,metric,arm,pod,events,exposure,group\n".to_owned()
            + &of_zone("a", a)
            + &of_zone("b", b)
            + &of_zone("c", c)
    };
    let past = csv(-120, 120, None);
    for (name, text) in [
        ("gate.yaml", format!("{GROUPS}{CONFIG}")),
        ("past.csv", all([&past, &past, &past])),
        ("equal.csv", all([&equal, &equal, &equal])),
        ("worse.csv", all([&worse, &worse, &worse])),
        ("one.csv", all([&equal, &bad, &equal])),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    folder
}

#[test]
fn zones_of_a_file_are_judged_as_one_and_their_record_says_which_zone_says_what() {
    let folder = zones();
    for (counts, code, word, why) in [
        ("equal.csv", 0, "✔ PASS", "by all members together"),
        ("worse.csv", 1, "✖ FAIL", "all together: errors: it is worse"),
        ("one.csv", 1, "✖ FAIL", "zone b:"),
    ] {
        let (got, out, looks) = judged(folder.path(), counts);
        assert_eq!(got, code, "{counts}: {out}{looks}");
        assert!(out.starts_with(word) && out.contains(why) && out.contains("evidence multiplied"), "{out}");
        assert!(
            looks.lines().all(|line| line.contains("errors worse") && line.contains("| members ")),
            "{looks}"
        );
        let (got, out, _) = said(&serin(folder.path(), &["verify", "record.json"]));
        assert!(got == 0 && out.contains("blocks of each of 3 members, from the integers alone"), "{out}");
    }
    let explain = |more: &[&str]| said(&serin(folder.path(), &[&["explain", "record.json"], more].concat()));
    let (code, out, _) = explain(&[]);
    assert!(code == 0 && out.contains("  zone b    worse ") && out.contains("  together  worse "), "{out}");
    let (code, out, _) = explain(&["errors", "--member", "b"]);
    assert!(code == 0 && out.starts_with("errors: worse\n"), "{out}");
    let (code, out, _) = explain(&["--member", "a", "-o", "svg"]);
    assert!(code == 0 && out.starts_with("<svg"), "{out}");
    let (code, out, _) = explain(&["-o", "markdown"]);
    assert!(code == 0 && out.contains("| errors | zone b | FAIL |"), "{out}");
    let (code, out, _) = explain(&["-o", "json"]);
    let whole: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &whole["combined"], &whole["members"][1]["name"]),
        (0, &json!("product"), &json!("zone b"))
    );
    for (more, wanted) in [
        (&["errors"][..], "add --member (a, b, c)"),
        (&["--member", "d"], "the members are a, b, c"),
        (&["-o", "svg"], "--member a"),
    ] {
        let (code, _, error) = explain(more);
        assert!(code == 2 && error.contains(wanted), "{more:?}: {error}");
    }
    let text = std::fs::read_to_string(folder.path().join("record.json")).unwrap();
    std::fs::write(
        folder.path().join("forged.json"),
        text.replacen("\"shared\":[]", "\"shared\":[\"db\"]", 1),
    )
    .unwrap();
    let (code, out, _) = said(&serin(folder.path(), &["verify", "forged.json"]));
    assert!(code == 1 && out.contains("  hash: stored") && out.contains("looks[0].combined"), "{out}");
}

#[test]
fn groups_that_cannot_be_are_refused_with_what_mends_them() {
    let folder = zones();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (config, equal) = (read("gate.yaml"), read("equal.csv"));
    write("single.yaml", CONFIG);
    write("two.yaml", &config.replace("[a, b, c]", "[a, b]"));
    write("four.yaml", &config.replace("[a, b, c]", "[a, b, c, d]"));
    write("steps.csv", &format!("{equal}1700000010,errors,canary,x,0,1,a\n"));
    for (name, from, to) in
        [("one", "[a, b, c]", "[a]"), ("twice", "[a, b, c]", "[a, a]"), ("label", "zone", "a-b")]
    {
        write(&format!("{name}.yaml"), &config.replace(from, to));
    }
    for (config, more, wanted) in [
        ("single.yaml", &[][..], "group is \"a\", and gate.yaml has no `groups`"),
        ("two.yaml", &[], "group is \"c\": it must be one of groups.members (a, b)"),
        ("four.yaml", &[], "there are no rows of group \"d\""),
        ("one.yaml", &[], "groups.members: there are 1 members, and a group has 2 to 100"),
        ("twice.yaml", &[], "groups.members: the member \"a\" is there twice"),
        ("label.yaml", &[], "groups.label: \"a-b\" is no name of a label"),
        ("gate.yaml", &["-o", "svg"], "a picture is of one member"),
    ] {
        let arguments = ["gate", "run", "-c", config, "--counts", "equal.csv"];
        let (code, _, error) = said(&serin(folder.path(), &[&arguments[..], more].concat()));
        assert!(code == 2 && error.contains(wanted), "{config}: {error}");
    }
    for verb in ["plan", "backtest"] {
        let (code, _, error) =
            said(&serin(folder.path(), &["gate", verb, "-c", "gate.yaml", "--counts", "past.csv"]));
        assert!(code == 2 && error.contains("knows no `groups`"), "{error}");
    }
    let mut steps = equal.lines().map(|line| format!("{line},1")).collect::<Vec<_>>().join("\n");
    steps = steps.replacen("group,1", "group,step", 1).replacen(",b,1", ",b,2", 9);
    write("steps.csv", &steps);
    let (code, _, error) =
        said(&serin(folder.path(), &["gate", "run", "-c", "gate.yaml", "--counts", "steps.csv"]));
    assert!(code == 2 && error.contains("members go from step to step together"), "{error}");
}

#[test]
fn zones_of_a_prometheus_are_asked_for_each_and_judged_as_one() {
    let start = 1_769_860_800;
    let address = format!("http://{}", shop(15, start, start));
    let folder = with_queries(
        "history: 30m\nsteps: [{weight: 25, minimum: 1m}]\ngroups: {label: zone, members: [a, b]}",
    );
    let times = ["--start", "2026-01-31T12:00:00Z", "--end", "2026-01-31T12:30:00Z"];
    let arguments = ["gate", "run", "-c", "gate.yaml", "--record", "record.json", "--prometheus", &address];
    let (code, out, looks) = said(&serin(folder.path(), &[&arguments[..], &times].concat()));
    assert!(code == 0 && out.starts_with("✔ PASS") && out.contains("zone b"), "{out}{looks}");
    assert_eq!(said(&serin(folder.path(), &["verify", "record.json"])).0, 0);
    let bytes = std::fs::read(folder.path().join("record.json")).unwrap();
    let Judged::Group(record) = read_any(&bytes).unwrap() else { panic!("{out}") };
    for (member, zone) in record.members.iter().zip(["a", "b"]) {
        assert_eq!(member.opening.queries[1].text, format!("requests_total{{zone=\"{zone}\"}}"));
        assert!(member.opening.roster.pods.iter().all(|pod| pod.name.ends_with(zone)));
        assert_eq!(member.opening.history.len(), 120);
    }
}
