//! Pictures as they are sent. They are left in the build's folder for temporary files, to be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "pictures are left to be looked at")]

use serin_notify::picture::{Card, Look, PIXELS, Panel, Theme, svg};

fn within(values: &[f64]) -> Vec<Look> {
    values.iter().map(|value| Look::Within(*value)).collect()
}

/// Width and height of a PNG, from its first bytes.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn a_picture_is_a_png_of_the_stated_size_in_both_themes() {
    let mut success = within(&[99.9, 99.8, 100.0, 99.7]);
    success.extend([Look::Beyond([97.2]), Look::Within(99.2), Look::Beyond([95.5])]);
    let mut duration = within(&[212.0, 230.0, 251.5, 240.0]);
    duration.extend([Look::Gap, Look::Within(499.0), Look::Gap]);
    let mut errors = vec![Look::Gap; 2];
    errors.extend([Look::Within(0.002), Look::Within(0.004), Look::Gap, Look::NoValue(true), Look::Gap]);
    let many: Vec<Look> = (0..64).map(|at| Look::Within(50.0 + 30.0 * (f64::from(at) / 5.0).sin())).collect();
    let panel = |name, unit, min, max, looks| Panel { name, unit, min, max, looks };
    let panels = [
        panel("request-success-rate", "%", Some(99.0), None, &success),
        panel("request-duration", " ms", None, Some(500.0), &duration),
        panel("errors of the checkout's database <5xx>", "", None, Some(0.01), &errors),
        panel("queue depth", "", Some(10.0), Some(90.0), &many),
    ];
    let card = Card {
        name: "podinfo",
        namespace: "production",
        phase: "Failed",
        is_good: false,
        panels: &panels,
        more: 3,
        looks_in_one: 1,
        is_partial: true,
    };
    for (theme, name, widths) in
        [(Theme::Light, "light", &[PIXELS, 360][..]), (Theme::Dark, "dark", &[360][..])]
    {
        let drawn = svg(&card, theme);
        let height = drawn.split("height=\"").nth(1).unwrap().split('"').next().unwrap();
        let height: f64 = height.parse().unwrap();
        for width in widths.iter().copied() {
            let png = serin_picture::png(&drawn, width).unwrap();
            assert_eq!(size(&png), (width, (height * f64::from(width) / 720.0).round() as u32));
            assert!(png.len() < 200 << 10, "{} bytes", png.len());
            std::fs::write(format!("{}/release-{name}-{width}.png", env!("CARGO_TARGET_TMPDIR")), png)
                .unwrap();
        }
    }
}
