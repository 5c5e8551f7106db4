//! SVG in, PNG out.
//!
//! Property: the same picture gives the same pixels on every machine, because the letters come with this crate and none are
//! taken from the machine; nothing outside the text is read, and no text makes a picture of more than [`PIXELS_MAX`].

#[cfg(feature = "png")]
use std::sync::{Arc, LazyLock};

#[cfg(feature = "png")]
use resvg::{tiny_skia, usvg};

/// The most pixels of one side: what chats show, twice over.
pub const PIXELS_MAX: u32 = 4096;
/// The longest text of a picture.
pub const BYTES_MAX: usize = 8 << 20;

/// Parts of the `DejaVu Sans` fonts: see fonts/LICENSE.
#[cfg(feature = "png")]
const FONTS: [&[u8]; 2] =
    [include_bytes!("../fonts/DejaVuSans.ttf"), include_bytes!("../fonts/DejaVuSans-Bold.ttf")];
#[cfg(feature = "png")]
const FAMILY: &str = "DejaVu Sans";

/// The letters, read once: whatever family a picture asks for, it gets the one that is there.
#[cfg(feature = "png")]
static LETTERS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_source(usvg::fontdb::Source::Binary(Arc::new(font)));
    }
    for set in [
        usvg::fontdb::Database::set_sans_serif_family,
        usvg::fontdb::Database::set_serif_family,
        usvg::fontdb::Database::set_monospace_family,
    ] {
        set(&mut fonts, FAMILY);
    }
    Arc::new(fonts)
});

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The text is too long.
    #[error("the picture's text has {0} bytes, and at most {BYTES_MAX} are drawn")]
    TooLong(usize),
    /// The text is no picture.
    #[error("the picture cannot be read: {0}")]
    Unreadable(String),
    /// There is nothing to draw it with.
    #[error("this serin was built without pictures: ask for SVG")]
    LeftOut,
    /// Its size makes no picture.
    #[error("a picture of {width} by {height} pixels: each side has 1 to {PIXELS_MAX}")]
    Size {
        /// Its width in pixels.
        width: u64,
        /// Its height in pixels.
        height: u64,
    },
}

/// The picture `width` pixels wide, its height as its shape wants.
///
/// # Errors
/// [`PictureError`].
pub fn png(svg: &str, width: u32) -> Result<Vec<u8>, PictureError> {
    if svg.len() > BYTES_MAX {
        return Err(PictureError::TooLong(svg.len()));
    }
    render(svg, width)
}

#[cfg(not(feature = "png"))]
fn render(_: &str, _: u32) -> Result<Vec<u8>, PictureError> {
    Err(PictureError::LeftOut)
}

#[cfg(feature = "png")]
fn render(svg: &str, width: u32) -> Result<Vec<u8>, PictureError> {
    let options =
        usvg::Options { font_family: FAMILY.to_owned(), fontdb: LETTERS.clone(), ..usvg::Options::default() };
    let tree =
        usvg::Tree::from_str(svg, &options).map_err(|error| PictureError::Unreadable(error.to_string()))?;
    let scale = f64::from(width) / f64::from(tree.size().width());
    let height = (f64::from(tree.size().height()) * scale).round();
    let is_size = |side: f64| (1.0..=f64::from(PIXELS_MAX)).contains(&side);
    let refused = || PictureError::Size { width: width.into(), height: height as u64 };
    if !is_size(width.into()) || !is_size(height) {
        return Err(refused());
    }
    let mut pixels = tiny_skia::Pixmap::new(width, height as u32).ok_or_else(refused)?;
    let scaled = tiny_skia::Transform::from_scale(scale as f32, scale as f32);
    resvg::render(&tree, scaled, &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PictureError::Unreadable(error.to_string()))
}

#[cfg(all(test, feature = "png"))]
mod tests {
    use super::*;

    fn svg(body: &str) -> String {
        format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 200 100'>{body}</svg>")
    }

    fn inked(body: &str) -> usize {
        let png = png(&svg(body), 400).unwrap();
        let pixels = tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (400, 200));
        pixels.pixels().iter().filter(|pixel| pixel.alpha() > 0).count()
    }

    #[test]
    fn shapes_and_letters_are_drawn_whatever_fonts_the_machine_has() {
        assert_eq!(inked(""), 0);
        assert_eq!(inked("<rect width='100' height='50'/>"), 200 * 100);
        let text = |family: &str, weight: &str| {
            inked(&format!(
                "<text y='50' font-family='{family}' font-weight='{weight}'>FAIL ✔ ✖ ≥ × ü</text>"
            ))
        };
        let plain = text("system-ui, sans-serif", "normal");
        assert!(plain > 500, "{plain}");
        assert_eq!(text("no such family", "normal"), plain);
        assert!(text("sans-serif", "bold") > plain, "bold letters have more ink");
    }

    #[test]
    fn nothing_outside_the_text_is_read() {
        assert_eq!(inked("<image width='200' height='100' href='/usr/share/pixmaps/debian-logo.png'/>"), 0);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(matches!(png("<svg", 100), Err(PictureError::Unreadable(_))));
        assert!(matches!(png(&svg(""), 100_000), Err(PictureError::Size { .. })));
        assert!(matches!(png(&svg(""), 0), Err(PictureError::Size { .. })));
        let tall = "<svg xmlns='http://www.w3.org/2000/svg' width='1' height='100000'/>";
        assert!(matches!(png(tall, 100), Err(PictureError::Size { .. })));
        assert!(matches!(png(&" ".repeat(BYTES_MAX + 1), 100), Err(PictureError::TooLong(_))));
    }
}
