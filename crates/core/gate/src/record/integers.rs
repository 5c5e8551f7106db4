//! Integers as text: base64 digits of five bits, least first, the sixth bit saying that more follow (as in source maps).

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const MORE: u64 = 32;
const BITS: u32 = 5;

/// The difference from `before` to `value`, the small ones of either sign first: 0, -1, 1, -2, …
pub(super) fn difference(before: u64, value: u64) -> u64 {
    let signed = value.wrapping_sub(before) as i64;
    ((signed << 1) ^ (signed >> 63)) as u64
}

/// What is that `difference` from `before`.
pub(super) fn after(before: u64, difference: u64) -> u64 {
    let signed = ((difference >> 1) as i64) ^ -((difference & 1) as i64);
    before.wrapping_add(signed as u64)
}

/// Adds a number to the text.
pub(super) fn write(text: &mut String, mut value: u64) {
    loop {
        let (digit, rest) = (value & (MORE - 1), value >> BITS);
        let digit = if rest == 0 { digit } else { digit | MORE };
        text.push(char::from(DIGITS[digit as usize]));
        if rest == 0 {
            return;
        }
        value = rest;
    }
}

/// The numbers of a text, in order.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next number.
    pub(super) fn next(&mut self) -> Result<u64, String> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let (first, rest) = self.rest.split_first().ok_or("the counts end too early")?;
            self.rest = rest;
            let digit = DIGITS.iter().position(|digit| digit == first);
            let digit =
                digit.ok_or_else(|| format!("{:?} is no digit of a count", char::from(*first)))? as u64;
            let part = digit & (MORE - 1);
            if shift >= u64::BITS || (part << shift) >> shift != part {
                return Err("a count is above 2^64".to_owned());
            }
            value |= part << shift;
            if digit & MORE == 0 {
                return Ok(value);
            }
            shift += BITS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_and_small_differences_are_one_letter() {
        let values = [0, 1, 15, 16, 31, 32, 1000, u64::from(u32::MAX), i64::MAX as u64, 1 << 63, u64::MAX];
        for before in values {
            for value in values {
                let mut text = String::new();
                write(&mut text, difference(before, value));
                let mut reader = Reader::new(&text);
                assert_eq!(after(before, reader.next().unwrap()), value, "{before} {value} {text}");
                assert!(reader.is_empty());
            }
        }
        let mut text = String::new();
        (985..=1015).for_each(|value| write(&mut text, difference(1000, value)));
        assert_eq!(text.len(), 31);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, wanted) in
            [("", "too early"), ("g", "too early"), ("-", "no digit"), ("////////////////A", "2^64")]
        {
            assert!(Reader::new(text).next().unwrap_err().contains(wanted), "{text}");
        }
    }
}
