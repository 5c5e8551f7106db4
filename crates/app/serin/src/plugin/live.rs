//! A picture that is drawn again when something in it has changed.

use std::time::Duration;

use futures::future::select_all;
use serde_json::Value;
use serin_cluster::direct::Following;
use tokio::time::{Instant, interval, sleep_until, timeout};

use super::{Format, output};

/// Least time between two pictures, so that a burst of changes is drawn once.
const REFRESH_MIN: Duration = Duration::from_millis(200);
/// Ages grow even when nothing changes.
const REFRESH_MAX: Duration = Duration::from_secs(1);

/// A picture, as text and as data.
pub(crate) struct Picture {
    pub(crate) text: String,
    pub(crate) data: Value,
}

/// Draws what `picture` makes of the followed objects until there is no picture any more, or for `seconds` unless they are 0.
///
/// # Errors
/// There is no picture, and why; the API refuses.
pub(crate) async fn draw(
    (followed, format, seconds): (Vec<Following>, Option<Format>, u64),
    picture: impl AsyncFnMut(Vec<Vec<Value>>) -> anyhow::Result<Picture>,
) -> anyhow::Result<()> {
    let drawing = draw_on(followed, format, picture);
    match seconds {
        0 => drawing.await,
        limit => match timeout(Duration::from_secs(limit), drawing).await {
            Ok(ended) => ended,
            Err(_elapsed) => Ok(()),
        },
    }
}

async fn draw_on(
    mut followed: Vec<Following>,
    format: Option<Format>,
    mut picture: impl AsyncFnMut(Vec<Vec<Value>>) -> anyhow::Result<Picture>,
) -> anyhow::Result<()> {
    let mut tick = interval(REFRESH_MAX);
    let mut drawn = String::new();
    loop {
        let earliest = Instant::now() + REFRESH_MIN;
        {
            let changes = followed.iter_mut().map(|it| Box::pin(it.changed()));
            tokio::select! {
                (Ok(()), ..) = select_all(changes) => {}
                _ = tick.tick() => {}
            }
        }
        let mut seen = Vec::new();
        for one in &mut followed {
            seen.extend(one.objects()?);
        }
        if seen.len() == followed.len() {
            let Picture { text, data } = picture(seen).await?;
            if text != drawn {
                output::clear()?;
                output::print(format, &data, &text)?;
                drawn = text;
            }
        }
        sleep_until(earliest).await;
    }
}
