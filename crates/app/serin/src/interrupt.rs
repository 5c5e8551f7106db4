//! How whoever runs a command ends it.

use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

/// Waits for Ctrl-C, or for SIGTERM, by which supervisors and pipelines ask for the same. Whoever has waited ends within seconds:
/// further signals are not listened to.
///
/// # Errors
/// When signals cannot be listened to.
pub(crate) async fn interrupted() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}
