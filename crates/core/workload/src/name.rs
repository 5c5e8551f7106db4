//! Short names of texts, in the form of Kubernetes' own.

use serde_json::Value;

/// The start of FNV-1a with 32 bits.
pub const FNV_OFFSET: u32 = 2_166_136_261;
/// Its factor.
const FNV_PRIME: u32 = 16_777_619;
/// Letters and digits without vowels and without 0, 1 and 3, which look like some: Kubernetes' alphabet for names.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// FNV-1a with 32 bits, going on from `start`: [`FNV_OFFSET`], or the hash of what came before.
#[must_use]
pub fn fnv1a(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(FNV_PRIME))
}

/// The decimal digits of `hash`, each byte as a letter or digit of an alphabet that spells no words; at most ten.
#[must_use]
pub fn encode(hash: u32) -> String {
    hash.to_string().bytes().map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
}

/// What Go's encoder writes for characters that would end a script in HTML or a line in JavaScript.
const GO_ESCAPES: [(char, &str); 5] =
    [('<', r"\u003c"), ('>', r"\u003e"), ('&', r"\u0026"), ('\u{2028}', r"\u2028"), ('\u{2029}', r"\u2029")];

/// The JSON text as Go's encoder has it, for sums over it that controllers in Go have made; those characters stand in
/// texts alone.
#[must_use]
pub fn go_json(value: &Value) -> String {
    GO_ESCAPES.iter().fold(value.to_string(), |text, (character, escaped)| text.replace(*character, escaped))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hashes_have_the_published_form() {
        // FNV-1a's own published test values, in the alphabet of Kubernetes.
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0x811c_9dc5);
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xe40c_292c);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0xbf9c_f968);
        assert_eq!(fnv1a(fnv1a(FNV_OFFSET, b"foo"), b"bar"), fnv1a(FNV_OFFSET, b"foobar"));
        // '0' is byte 48, 48 mod 27 is 21; '9' is 57 mod 27, 3.
        assert_eq!(encode(0), "4");
        assert_eq!(encode(1_234_567_890), "56789bcdf4");
        assert!(encode(u32::MAX).bytes().all(|byte| ALPHABET.contains(&byte)));
    }

    #[test]
    fn go_writes_some_characters_by_their_number() {
        let text = go_json(&json!({"a<": ["&>", "\u{2028}\u{2029}", "é\n"]}));
        assert_eq!(text, r#"{"a\u003c":["\u0026\u003e","\u2028\u2029","é\n"]}"#);
    }
}
