//! Files of the controller's own.

use tokio::{fs::File, io::AsyncReadExt as _};

/// A token or a certificate has a few kilobytes.
const BYTES_MAX: u64 = 1 << 20;

/// The text of a file, or in words why there is none. It is read each time: tokens are renewed in place.
///
/// # Errors
/// When the file cannot be read, is too long, or holds no text.
pub async fn text(path: &str) -> Result<String, String> {
    let wrong = |error: std::io::Error| format!("{path}: {error}");
    let mut text = String::new();
    let file = File::open(path).await.map_err(wrong)?;
    file.take(BYTES_MAX + 1).read_to_string(&mut text).await.map_err(wrong)?;
    if BYTES_MAX < text.len() as u64 {
        return Err(format!("{path} has more than {BYTES_MAX} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_anew_each_time_or_it_is_said_why_not() {
        let path = std::env::temp_dir().join(format!("serin-file-{}", std::process::id()));
        let name = path.to_str().unwrap();
        for token in ["one", "two\n"] {
            std::fs::write(&path, token).unwrap();
            assert_eq!(text(name).await.as_deref(), Ok(token));
        }
        std::fs::write(&path, vec![b'x'; (BYTES_MAX + 1) as usize]).unwrap();
        assert!(text(name).await.unwrap_err().contains("more than 1048576 bytes"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(text(name).await.unwrap_err().starts_with(name), "no text");
        std::fs::remove_file(&path).unwrap();
        assert!(text(name).await.unwrap_err().starts_with(name));
    }
}
